from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ("django_checkout", "0013_store_details_of_attention_as_numbers"),
    ]

    operations = [
        migrations.RemoveField(
            model_name="attentionitem",
            name="detail",
        ),
    ]
