from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('django_checkout', '0015_label_columns_plainly'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='attentionitem',
            index=models.Index(fields=['resolved_at', 'raised_at'], name='checkout_attention_open'),
        ),
        migrations.AddIndex(
            model_name='checkoutsession',
            index=models.Index(fields=['completed_at'], name='checkout_session_completed'),
        ),
        migrations.AddIndex(
            model_name='checkoutsession',
            index=models.Index(fields=['expired_at'], name='checkout_session_expired'),
        ),
        migrations.AddIndex(
            model_name='webhookevent',
            index=models.Index(fields=['state', 'received_at'], name='checkout_event_waiting'),
        ),
    ]
