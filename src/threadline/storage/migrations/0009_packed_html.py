"""HTML is kept packed: it was most of the store, and is read only when an email is opened."""

from collections.abc import Iterator
from typing import Any

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from threadline.domain.packing import pack, unpack

AT_ONCE = 200


def pack_all(apps: Apps, _: BaseDatabaseSchemaEditor) -> None:
    body: Any = apps.get_model("storage", "Body")
    for chunk in batched(list(body.objects.exclude(html="").order_by("pk").values_list("pk", flat=True))):
        for row in body.objects.filter(pk__in=chunk).only("html"):
            body.objects.filter(pk=row.pk).update(packed_html=pack(row.html))


def unpack_all(apps: Apps, _: BaseDatabaseSchemaEditor) -> None:
    body: Any = apps.get_model("storage", "Body")
    for chunk in batched(list(body.objects.exclude(packed_html=b"").order_by("pk").values_list("pk", flat=True))):
        for row in body.objects.filter(pk__in=chunk).only("packed_html"):
            body.objects.filter(pk=row.pk).update(html=unpack(bytes(row.packed_html)))


def batched(ids: list[int]) -> Iterator[list[int]]:
    """A few at a time: an HTML may be of two million characters."""
    for start in range(0, len(ids), AT_ONCE):
        yield ids[start : start + AT_ONCE]


class Migration(migrations.Migration):
    dependencies = [("storage", "0008_awaited_texts")]

    operations = [
        migrations.AddField("body", "packed_html", models.BinaryField(default=bytes)),
        migrations.RunPython(pack_all, unpack_all),
        migrations.RemoveField("body", "html"),
    ]
