DROP TABLE locks;
DROP TABLE palette_shown;
DROP TABLE palette_connections;
