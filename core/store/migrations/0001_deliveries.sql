CREATE TABLE "attempts" (
	"delivery" text COLLATE "C" NOT NULL,
	"attempt" integer NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"duration" integer NOT NULL,
	"status" integer,
	"error" text COLLATE "C",
	"message" text COLLATE "C",
	"response" text COLLATE "C",
	CONSTRAINT "attempts_delivery_attempt_pk" PRIMARY KEY("delivery","attempt")
);
--> statement-breakpoint
CREATE TABLE "audit" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"actor" text COLLATE "C" NOT NULL,
	"ip" text COLLATE "C",
	"action" text COLLATE "C" NOT NULL,
	"target" text COLLATE "C" NOT NULL,
	"details" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "deliveries" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"event" text COLLATE "C" NOT NULL,
	"destination" text COLLATE "C" NOT NULL,
	"subscription" text COLLATE "C" NOT NULL,
	"type" text COLLATE "C" NOT NULL,
	"webhook" text COLLATE "C" NOT NULL,
	"entity" text COLLATE "C",
	"record_id" text COLLATE "C",
	"seq" bigint NOT NULL,
	"status" text COLLATE "C" NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"forgiven" integer DEFAULT 0 NOT NULL,
	"next_at" timestamp with time zone,
	"last_status" integer,
	"last_error" text COLLATE "C",
	"created_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "destinations" (
	"name" text COLLATE "C" PRIMARY KEY NOT NULL,
	"paused_at" timestamp with time zone,
	"pause_reason" text COLLATE "C",
	"failing_since" timestamp with time zone,
	"owner" text COLLATE "C"
);
--> statement-breakpoint
CREATE TABLE "instance" (
	"name" text COLLATE "C" PRIMARY KEY NOT NULL,
	"value" text COLLATE "C" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "outbox" (
	"seq" bigserial PRIMARY KEY NOT NULL,
	"event" text COLLATE "C" NOT NULL,
	"plan" text COLLATE "C" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "replicas" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"seen_at" timestamp with time zone NOT NULL,
	"plan" text COLLATE "C" NOT NULL,
	"destinations" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "requests" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"webhook" text COLLATE "C" NOT NULL,
	"received_at" timestamp with time zone NOT NULL,
	"method" text COLLATE "C" NOT NULL,
	"path" text COLLATE "C" NOT NULL,
	"query" text COLLATE "C" NOT NULL,
	"headers" jsonb NOT NULL,
	"body" text COLLATE "C" NOT NULL,
	"encoded" boolean NOT NULL,
	"size" integer NOT NULL,
	"ip" text COLLATE "C" NOT NULL,
	"outcome" text COLLATE "C" NOT NULL,
	"status" integer NOT NULL,
	"code" text COLLATE "C",
	"reason" text COLLATE "C",
	"plugin" text COLLATE "C",
	"steps" jsonb NOT NULL,
	"slots" jsonb NOT NULL,
	"duration" real NOT NULL,
	"idempotency_key" text COLLATE "C",
	"entity" text COLLATE "C",
	"record_id" text COLLATE "C"
);
--> statement-breakpoint
CREATE TABLE "secrets" (
	"name" text COLLATE "C" NOT NULL,
	"version" integer NOT NULL,
	"key_id" text COLLATE "C" NOT NULL,
	"sealed" text COLLATE "C" NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"not_after" timestamp with time zone,
	"last_used_at" timestamp with time zone,
	CONSTRAINT "secrets_name_version_pk" PRIMARY KEY("name","version")
);
--> statement-breakpoint
ALTER TABLE "events" ADD COLUMN "hops" smallint DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX "deliveries_due" ON "deliveries" USING btree ("destination","next_at") WHERE "deliveries"."status" = 'pending';--> statement-breakpoint
CREATE INDEX "deliveries_order" ON "deliveries" USING btree ("destination","entity","record_id","seq") WHERE "deliveries"."status" in ('pending', 'waiting', 'dead');--> statement-breakpoint
CREATE INDEX "deliveries_dead" ON "deliveries" USING btree ("destination","id") WHERE "deliveries"."status" = 'dead';--> statement-breakpoint
CREATE INDEX "deliveries_event" ON "deliveries" USING btree ("event");--> statement-breakpoint
CREATE INDEX "requests_webhook" ON "requests" USING btree ("webhook","id");