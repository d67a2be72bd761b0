from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):

    dependencies = [
        ('django_checkout', '0006_keep_how_a_refund_was_refused'),
    ]

    operations = [
        # The column is added to a table with rows when this is reversed.
        migrations.AlterField(
            model_name='idempotentanswer',
            name='leased_until',
            field=models.DateTimeField(db_default=Now()),
        ),
        migrations.RemoveField(
            model_name='idempotentanswer',
            name='leased_until',
        ),
    ]
