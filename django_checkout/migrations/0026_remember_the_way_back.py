from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('django_checkout', '0025_remember_how_a_payment_was_made'),
    ]

    operations = [
        migrations.AddField(
            model_name='checkoutsession',
            name='return_url',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=2048),
        ),
    ]
