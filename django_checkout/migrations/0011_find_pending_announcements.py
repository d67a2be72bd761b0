from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('django_checkout', '0010_let_announcements_wait_for_a_receiver'),
    ]

    operations = [
        migrations.AlterField(
            model_name='announcement',
            name='state',
            field=models.CharField(choices=[('announced', 'delivered'), ('pending', 'pending'), ('superseded', 'superseded')], default='pending', max_length=32, verbose_name='state'),
        ),
        migrations.AddIndex(
            model_name='announcement',
            index=models.Index(fields=['state', 'signal', 'next_attempt_at'], name='checkout_announcement_pending'),
        ),
        migrations.RemoveIndex(
            model_name='announcement',
            name='checkout_announcement_owed',
        ),
    ]
