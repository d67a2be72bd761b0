from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('django_checkout', '0018_waive_what_is_pending'),
    ]

    operations = [
        migrations.AddField(
            model_name='order',
            name='source_deleted_at',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
