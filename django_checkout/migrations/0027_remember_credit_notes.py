import django_checkout.models.fields
import django_checkout.models.indexes
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('django_checkout', '0026_remember_the_way_back'),
    ]

    operations = [
        migrations.AddField(
            model_name='refund',
            name='credit_note_due_at',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='refund',
            name='credit_note_error',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=500),
        ),
        migrations.AddField(
            model_name='refund',
            name='credit_note_id',
            field=django_checkout.models.fields.CaseSensitiveCharField(blank=True, db_default='', default='', max_length=255, verbose_name='credit note'),
        ),
        migrations.AddIndex(
            model_name='refund',
            index=django_checkout.models.indexes.SparseIndex(fields=['credit_note_due_at'], name='checkout_refund_credit_note'),
        ),
    ]
