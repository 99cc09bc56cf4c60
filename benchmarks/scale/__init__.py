"""What planning and running the workflow itself costs, by the number of videos and shards."""
