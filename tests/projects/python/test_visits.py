import uuid

from visits import connect, visit


def test_visits_are_counted():
    connection = connect()
    page = str(uuid.uuid4())
    assert [visit(connection, page) for _ in range(3)] == [1, 2, 3]
    assert visit(connection, "another " + page) == 1
