"""Who speaks when: turns of speakers, apart from what they say, and the merge of both."""
