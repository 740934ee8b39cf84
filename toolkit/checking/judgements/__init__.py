"""The judgements of `check`: each file gives the rows of one check, or of a part of one."""
