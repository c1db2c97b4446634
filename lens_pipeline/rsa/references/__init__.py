"""What representations are compared with, from files of many kinds, joined by stimulus id."""
