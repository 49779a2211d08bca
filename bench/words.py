"""The unchanging pieces of generated mail: what editors and newsletter programs put around a text."""

SIGNATURE = "\n-- \nAnna Berg\nAgency GmbH\n+49 30 1234567\n"

HTML_FRAME = """<!DOCTYPE html><html><head><meta charset="utf-8"><title>{title}</title>
<style>p{{margin:0 0 1em}}.x{{font-family:Arial;color:#333}}@media only screen{{td{{width:100%}}}}</style></head>
<body lang="EN">{rows}</body></html>
"""

PARAGRAPH = """<p class="MsoNormal" style="margin:0cm;font-size:11.0pt;font-family:&quot;Calibri&quot;,sans-serif">
<span lang="EN-US">{text}<o:p></o:p></span></p>
<p class="MsoNormal">&nbsp;</p>
"""

NEWS_ROW = """<tr><td align="left" valign="top" style="font-family:Helvetica,Arial,sans-serif;font-size:14px;\
line-height:21px;color:#444444;padding:10px 20px 10px 20px;border-bottom:1px solid #eeeeee">
<a href="https://track.news.example/c/{link}?utm_source=nl&amp;utm_medium=email" target="_blank" \
style="color:#0066cc;text-decoration:none;font-weight:bold">
<img src="https://img.news.example/{link}.png" width="560" height="200" alt="{title}" border="0" \
style="display:block;max-width:560px"></a>
<h2 style="margin:0 0 10px 0;font-size:20px">{title}</h2>
<p class="x">{text}</p></td></tr>
"""
