"""`avsd web`: the conversation of `pipeline.asking` as a page in the browser, on this machine."""
