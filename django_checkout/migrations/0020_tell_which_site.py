from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('django_checkout', '0019_record_deleted_orders_of_the_site'),
    ]

    operations = [
        migrations.AddField(
            model_name='checkoutsession',
            name='site_url',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=255),
        ),
        migrations.AddField(
            model_name='order',
            name='site_url',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=255),
        ),
    ]
