ALTER TABLE "events" ADD COLUMN "trace" text;
