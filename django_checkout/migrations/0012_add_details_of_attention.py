from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("django_checkout", "0011_find_pending_announcements"),
    ]

    operations = [
        migrations.AddField(
            model_name="attentionitem",
            name="details",
            field=models.JSONField(blank=True, default=dict, verbose_name="details"),
        ),
    ]
