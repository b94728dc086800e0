DROP TABLE search_grams;
DROP TABLE search_terms;
DROP TABLE pack_search;
