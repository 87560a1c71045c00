"""What algorithms and flows return.

Read `path` first: `SaddlePath`, `Saddle`, and the error that carries a path. Then `certificate`
(how well a saddle meets its own conditions), `admission` (what a saddle has to satisfy before it
becomes part of a path), `flow` (a curve in scaled time, whose jumps are found without a prediction)
and `run` (the same for a training log). The rest serves these: `scaled_time` converts times;
`points` stores the points of a path, dense, sparse or as factors; `path_json` writes a path and
reads it back; `curves` says what pictures draw of a result.
"""
