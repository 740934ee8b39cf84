"""The documentation site: `python -m notebooks.book FOLDER` builds it (`make book`).

`pages/` holds what is written by hand, `gallery/` a script per chart. The lessons are the notebooks; the reference is
made from the code by the modules here. `source.py` puts all of it into one folder, which Sphinx reads (`conf.py`).
"""
