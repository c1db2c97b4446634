"""One HTML page that says what was done and what came out, from the files of a finished run.

`contents` reads a run folder, `sections` words what it says, `page` fills the template in;
`citations` collects what to cite. A page needs no network and nothing beside it.
"""
