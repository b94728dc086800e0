DROP TABLE sync_consumers;
