"""Mutations of krt.web, its listener and the live page."""

from tests.mutations.mutation import of

_OF_STATUS = of(
    "web/test_status.py",
    (
        "test_a_change_while_the_report_is_being_read_is_not_missed",
        "web/status.py",
        (
            "    with desk.watch.listening(event) as ear:  # before the first read: no change is missed\n"
            "        found = await _read(desk, event, repository_id)\n"
        ),
        ("    found = await _read(desk, event, repository_id)\n    with desk.watch.listening(event) as ear:\n"),
    ),
)

_OF_PAGE = of(
    "admin/test_page.py",
    (
        "test_whatever_names_hold_they_are_text",
        "admin/templates.py",
        '        "autoescape": True,',
        '        "autoescape": False,',
    ),
)

MUTATIONS = (*_OF_PAGE, *_OF_STATUS)
