DROP TABLE ops_jobs;
