"""One HTML page that says what was done and what came out, from the files of a finished run.

`contents` reads a run folder, `outcomes` says what came out, `facts` and `sections` hold the rest,
`study` is what a sweep was asked, `page` fills the templates in; `citations` collects what to cite.
A page needs no network and nothing beside it.
"""
