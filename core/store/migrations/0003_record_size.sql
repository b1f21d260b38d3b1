ALTER TABLE "records" ADD CONSTRAINT "record_size" CHECK (pg_column_size("records"."data") <= 33554432) NOT VALID;
