from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('django_checkout', '0024_remember_what_a_payment_waits_for'),
    ]

    operations = [
        migrations.AddField(
            model_name='payment',
            name='method',
            field=models.JSONField(blank=True, editable=False, null=True, verbose_name='payment method'),
        ),
    ]
