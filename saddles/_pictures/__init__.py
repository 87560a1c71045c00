"""Pictures of staircases and flows, drawn from plain curves.

`staircase` draws losses, what is learnt, and clocks. It imports no result: a path or a flow says in
`saddles._result.curves` which curves it has, and calls this module. matplotlib is imported when a
picture is drawn.
"""
