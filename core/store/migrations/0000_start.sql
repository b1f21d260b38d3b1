CREATE TABLE "events" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"type" text COLLATE "C" NOT NULL,
	"webhook" text COLLATE "C" NOT NULL,
	"entity" text COLLATE "C",
	"record_id" text COLLATE "C",
	"data" jsonb NOT NULL,
	"previous" jsonb,
	"variables" jsonb NOT NULL,
	"created_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "idempotency_keys" (
	"webhook" text COLLATE "C" NOT NULL,
	"key" text COLLATE "C" NOT NULL,
	"fingerprint" text COLLATE "C" NOT NULL,
	"exchange" text COLLATE "C" NOT NULL,
	"entity" text COLLATE "C",
	"record_id" text COLLATE "C",
	"fields_updated" integer NOT NULL,
	"shown" jsonb,
	"expires_at" timestamp with time zone NOT NULL,
	CONSTRAINT "idempotency_keys_webhook_key_pk" PRIMARY KEY("webhook","key")
);
--> statement-breakpoint
CREATE TABLE "quotas" (
	"scope" text COLLATE "C" PRIMARY KEY NOT NULL,
	"used" bigint NOT NULL,
	"cap" bigint NOT NULL,
	CONSTRAINT "quota_reached" CHECK ("quotas"."used" <= "quotas"."cap")
);
--> statement-breakpoint
CREATE TABLE "records" (
	"entity" text COLLATE "C" NOT NULL,
	"id" text COLLATE "C" NOT NULL,
	"data" jsonb NOT NULL,
	"previous" jsonb,
	"replaced" boolean DEFAULT false NOT NULL,
	"webhook" text COLLATE "C" NOT NULL,
	"origin" text COLLATE "C" NOT NULL,
	"exchange" text COLLATE "C" NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	CONSTRAINT "records_entity_id_pk" PRIMARY KEY("entity","id")
);
--> statement-breakpoint
CREATE TABLE "tokens" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"hash" text COLLATE "C" NOT NULL,
	"webhook" text COLLATE "C" NOT NULL,
	"label" text COLLATE "C",
	"created_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone,
	"revoked_at" timestamp with time zone,
	"last_used_at" timestamp with time zone,
	CONSTRAINT "tokens_hash_unique" UNIQUE("hash")
);
--> statement-breakpoint
CREATE INDEX "tokens_webhook" ON "tokens" USING btree ("webhook");