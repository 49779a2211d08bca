from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('storage', '0006_set_aside_in_gaps'),
    ]

    operations = [
        migrations.CreateModel(
            name='WorkerSign',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, unique=True)),
                ('seen_at', models.DateTimeField()),
            ],
        ),
        # Nullable and without a default: both stores add them without touching a row.
        migrations.AddField(
            model_name='body',
            name='subject',
            field=models.TextField(null=True),
        ),
        migrations.AddField(
            model_name='body',
            name='sender_name',
            field=models.TextField(null=True),
        ),
    ]
