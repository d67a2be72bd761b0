import django.db.models.deletion
import django_checkout.models.relations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('django_checkout', '0017_store_what_is_seen_of_stripe'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='announcement',
            name='note',
            field=models.CharField(blank=True, db_default='', default='', max_length=2000, verbose_name='note'),
        ),
        migrations.AddField(
            model_name='announcement',
            name='waived_by',
            field=django_checkout.models.relations.SiteForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='waived by'),
        ),
        migrations.AddField(
            model_name='webhookevent',
            name='note',
            field=models.CharField(blank=True, db_default='', default='', max_length=2000, verbose_name='note'),
        ),
        migrations.AddField(
            model_name='webhookevent',
            name='waived_by',
            field=django_checkout.models.relations.SiteForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='waived by'),
        ),
        migrations.AlterField(
            model_name='announcement',
            name='state',
            field=models.CharField(choices=[('announced', 'delivered'), ('pending', 'pending'), ('waived', 'waived'), ('superseded', 'superseded')], default='pending', max_length=32, verbose_name='state'),
        ),
        migrations.AlterField(
            model_name='webhookevent',
            name='state',
            field=models.CharField(choices=[('received', 'received'), ('processing', 'processing'), ('processed', 'processed'), ('ignored', 'ignored'), ('waived', 'waived'), ('failed', 'failed')], default='received', max_length=32, verbose_name='state'),
        ),
    ]
