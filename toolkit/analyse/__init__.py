"""Ask: `Tables` in, a frame out. Pure: no files, no clock, no drawing."""
