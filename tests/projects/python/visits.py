"""Counts visits in a PostgreSQL database."""

import psycopg2


def connect():
    connection = psycopg2.connect(dbname="postgres")
    with connection, connection.cursor() as cursor:
        cursor.execute("create table if not exists visits (page text primary key, count int not null)")
    return connection


def visit(connection, page):
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "insert into visits values (%s, 1) on conflict (page) do update set count = visits.count + 1 returning count",
            (page,),
        )
        return cursor.fetchone()[0]
