"""On PostgreSQL, the word that keeps companies apart in the text index is one that nobody can ask for: it is made anew."""

from __future__ import annotations

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_AGAIN = """
TRUNCATE search_body;
DELETE FROM storage_toindex;
INSERT INTO storage_toindex (body_id) SELECT id FROM storage_body ORDER BY id;
"""


def index_again(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return  # the embedded store's index has a column for that word
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('search_body')")
        (found,) = cursor.fetchone() or (None,)
        if found is not None:
            cursor.execute(_AGAIN)


class Migration(migrations.Migration):
    dependencies = [("storage", "0010_departed_copies")]
    operations = [migrations.RunPython(index_again, index_again)]
