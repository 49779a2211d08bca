"""Where Microsoft tells us that something changed: no page, no session, and nothing believed without its client state.

An answer is wanted within three seconds, and within ten where Microsoft only looks whether the address is ours.
"""

from __future__ import annotations

from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.html import escape
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from threadline.services.microsoft import notices, subscriptions

MOST_A_MINUTE = 1_200  # from one address
LONGEST_TOKEN = 2_000  # characters

mailroom = notices.Mailroom()


@csrf_exempt
@never_cache
@require_POST
def told(request: HttpRequest) -> HttpResponse:
    """Notifications, those of a subscription's life too, and the proof that the address is ours."""
    if not subscriptions.address():
        raise Http404
    if _too_often(request):
        return _plain("Too many requests.", 429)
    token = request.GET.get("validationToken")
    if token is not None:
        # Escaped although it is plain text: whoever thinks otherwise finds no markup in it.
        return _plain(escape(token), 200) if len(token) <= LONGEST_TOKEN else _plain("Too long.", 400)
    if _length(request) > notices.MOST_BYTES:
        return _plain("Too large.", 413)
    try:
        found = notices.read(request.read(notices.MOST_BYTES))
    except ValueError:
        return _plain("Not a notification.", 400)
    return _plain("", 202) if mailroom.put(found) else _plain("Try again later.", 503)


def _too_often(request: HttpRequest) -> bool:
    key = f"notifications-from-{request.META.get('REMOTE_ADDR', '')}"
    cache.add(key, 0, timeout=60)
    try:
        return cache.incr(key) > MOST_A_MINUTE
    except ValueError:  # forgotten in between
        return False


def _length(request: HttpRequest) -> int:
    said = request.META.get("CONTENT_LENGTH") or "0"
    return int(said) if said.isdecimal() else 0


def _plain(text: str, status: int) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
