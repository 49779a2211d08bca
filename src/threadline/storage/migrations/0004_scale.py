from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('storage', '0003_microsoft'),
    ]

    operations = [
        migrations.AddField(
            model_name='company',
            name='relink_progress',
            field=models.JSONField(default=dict),
        ),
        migrations.RemoveIndex(
            model_name='copy',
            name='copy_list',
        ),
        migrations.AddIndex(
            model_name='copy',
            index=models.Index(fields=['folder', 'where', '-decided_at', '-id', 'body'], name='copy_list'),
        ),
    ]
