from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('django_checkout', '0020_tell_which_site'),
    ]

    # The column keeps its name, so that processes of the version before can use it.
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RenameField(
                    model_name='reconciliationrun',
                    old_name='mended',
                    new_name='fixed',
                ),
                migrations.AlterField(
                    model_name='reconciliationrun',
                    name='fixed',
                    field=models.PositiveIntegerField(db_column='mended', default=0, verbose_name='fixed'),
                ),
            ],
        ),
    ]
