DROP TABLE search_grams;
DROP TABLE pack_search;
