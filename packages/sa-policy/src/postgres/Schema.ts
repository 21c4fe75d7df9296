/**
 * The tables and functions of the PostgreSQL store, and how older schemas become new ones.
 *
 * @layer codec
 */

/** `name` as an SQL identifier. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** The WAL timeline that the server writes: a promoted standby and a restored archive have another one. */
const timeline = "substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_insert_lsn()), 1, 8)"

/** A turn names few rows of many: their index finds them, whatever the planner knew of the tables when it made its plan. */
const settings = (schema: string) =>
  `SET search_path = ${quoted(schema)}, pg_temp SET enable_seqscan = off SET enable_hashjoin = off ` +
  "SET enable_mergejoin = off SET jit = off"

/** What `commit_turn` answers. */
export const verdicts = { done: 0, stale: 1, elsewhere: 2 } as const

/**
 * Each entry brings a schema from the version of its index to the next; the table `migration` counts them.
 *
 * Names and texts are UTF-8 octets, because text columns know no U+0000 and sort by locale. Every row has a `stamp` that no
 * other writing of it ever had. A revoked association stays as a row with `why` until it is forgotten, so that one index decides
 * about its name. A standby is nobody's origin: it is judged once it takes a turn. `origin` says which server wrote the tables last, and holds the place of the newest revocation: places are
 * given under the lock of that row, so that they are committed in their order and no reader skips one.
 *
 * `commit_turn` writes a turn in one statement: it locks the rows that were read in the order of their names, leaves with `1` if
 * one of them changed, and lets rows leave their octets before others take them.
 */
export const migrations: ReadonlyArray<(schema: string) => ReadonlyArray<string>> = [
  (schema) => [
    "CREATE SEQUENCE stamp",
    `CREATE TABLE association (
      id bytea PRIMARY KEY,
      stamp bigint NOT NULL,
      mechanism bytea NOT NULL,
      wire bytea,
      named boolean NOT NULL,
      version bigint NOT NULL,
      body bytea NOT NULL,
      highest bigint NOT NULL,
      seen bytea NOT NULL,
      horizon bigint NOT NULL,
      over boolean NOT NULL,
      mode integer NOT NULL,
      jump bigint,
      ends bigint,
      owner bytea NOT NULL,
      until double precision NOT NULL,
      length double precision NOT NULL,
      contended double precision NOT NULL,
      why text,
      at double precision NOT NULL,
      place bigint NOT NULL
    ) WITH (fillfactor = 70)`,
    "CREATE UNIQUE INDEX association_wire ON association (wire, mechanism) WHERE named",
    "CREATE INDEX association_grave ON association (wire, mechanism, place) WHERE why IS NOT NULL AND wire IS NOT NULL",
    "CREATE INDEX association_place ON association (place) WHERE why IS NOT NULL",
    "CREATE INDEX association_ends ON association (ends) WHERE ends IS NOT NULL AND why IS NULL",
    `CREATE TABLE revocation (
      place bigint PRIMARY KEY,
      id bytea NOT NULL,
      mechanism bytea NOT NULL,
      why text NOT NULL,
      at double precision NOT NULL
    )`,
    "CREATE INDEX revocation_at ON revocation (at)",
    `CREATE TABLE stored_record (
      collection bytea NOT NULL,
      key bytea NOT NULL,
      stamp bigint NOT NULL,
      value bytea NOT NULL,
      version bigint NOT NULL,
      ends bigint,
      PRIMARY KEY (collection, key)
    )`,
    "CREATE INDEX record_ends ON stored_record (ends) WHERE ends IS NOT NULL",
    `CREATE TABLE origin (
      one boolean PRIMARY KEY DEFAULT true CHECK (one),
      cluster text NOT NULL,
      timeline text NOT NULL,
      place bigint NOT NULL
    )`,
    `INSERT INTO origin (cluster, timeline, place)
      SELECT system_identifier::text, ${timeline}, 0 FROM pg_catalog.pg_control_system()`,
    `CREATE FUNCTION is_elsewhere() RETURNS boolean LANGUAGE sql STABLE ${settings(schema)} AS $body$
      SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN false
        ELSE o.timeline <> ${timeline} OR o.cluster <> c.system_identifier::text END
      FROM origin o CROSS JOIN pg_catalog.pg_control_system() c
    $body$`,
    `CREATE FUNCTION settle_here() RETURNS void LANGUAGE sql ${settings(schema)} AS $body$
      UPDATE origin o SET timeline = ${timeline}, cluster = c.system_identifier::text FROM pg_catalog.pg_control_system() c
    $body$`,
    `CREATE FUNCTION start_anew(now double precision, epoch_collection bytea, epoch_key bytea) RETURNS void
    LANGUAGE plpgsql ${settings(schema)} AS $body$
    DECLARE
      base bigint;
      buried bigint;
    BEGIN
      SELECT o.place INTO base FROM origin o FOR UPDATE;
      LOCK TABLE association IN SHARE ROW EXCLUSIVE MODE;
      WITH dead AS (
        UPDATE association a SET why = 'store-recovered', at = now, place = base + n.nth, named = false,
          wire = CASE WHEN a.named THEN a.wire END, stamp = nextval('stamp')
        FROM (SELECT id, row_number() OVER (ORDER BY id) AS nth FROM association WHERE why IS NULL) n
        WHERE a.id = n.id RETURNING a.place, a.id, a.mechanism, a.why, a.at)
      INSERT INTO revocation (place, id, mechanism, why, at) SELECT place, id, mechanism, why, at FROM dead;
      GET DIAGNOSTICS buried = ROW_COUNT;
      UPDATE origin SET place = base + buried;
      INSERT INTO stored_record AS r (collection, key, stamp, value, version, ends)
        VALUES (epoch_collection, epoch_key, nextval('stamp'), '', 1, NULL)
        ON CONFLICT (collection, key) DO UPDATE SET version = r.version + 1, stamp = nextval('stamp'), ends = NULL;
      PERFORM settle_here();
    END $body$`,
    `CREATE FUNCTION commit_turn(turn json) RETURNS integer LANGUAGE plpgsql ${settings(schema)} AS $body$
    DECLARE
      matching bigint;
      base bigint;
    BEGIN
      IF (SELECT o.timeline FROM origin o) <> ${timeline} THEN RETURN ${verdicts.elsewhere}; END IF;
      WITH locked AS MATERIALIZED (
        SELECT a.id FROM json_to_recordset(turn->'read') AS n(id bytea, stamp bigint)
        JOIN association a ON a.id = n.id AND a.stamp = n.stamp ORDER BY a.id FOR UPDATE OF a)
      SELECT count(*) INTO matching FROM locked;
      IF matching <> json_array_length(turn->'read') THEN RETURN ${verdicts.stale}; END IF;
      IF json_array_length(turn->'readRecords') > 0 THEN
        WITH locked AS MATERIALIZED (
          SELECT r.key FROM json_to_recordset(turn->'readRecords') AS n(collection bytea, key bytea, stamp bigint)
          JOIN stored_record r ON r.collection = n.collection AND r.key = n.key AND r.stamp = n.stamp
          ORDER BY r.collection, r.key FOR UPDATE OF r)
        SELECT count(*) INTO matching FROM locked;
        IF matching <> json_array_length(turn->'readRecords') THEN RETURN ${verdicts.stale}; END IF;
      END IF;
      IF json_array_length(turn->'counters') > 0 THEN
        UPDATE association a SET highest = n.highest, seen = n.seen, stamp = nextval('stamp')
        FROM json_to_recordset(turn->'counters') AS n(id bytea, highest bigint, seen bytea) WHERE a.id = n.id;
      END IF;
      IF json_array_length(turn->'unnamed') > 0 THEN
        UPDATE association a SET named = false
        FROM json_to_recordset(turn->'unnamed') AS n(id bytea) WHERE a.id = n.id AND a.named;
      END IF;
      IF json_array_length(turn->'updates') > 0 THEN
        UPDATE association a SET stamp = nextval('stamp'), mechanism = n.mechanism, wire = n.wire, named = n.named,
          version = n.version, body = n.body, highest = n.highest, seen = n.seen, horizon = n.horizon, over = n.over,
          mode = n.mode, jump = n.jump, ends = n.ends, owner = n.owner, until = n.until, length = n.length,
          contended = n.contended, why = NULL, at = 0, place = 0
        FROM json_populate_recordset(NULL::association, turn->'updates') n WHERE a.id = n.id;
      END IF;
      IF json_array_length(turn->'inserts') > 0 THEN
        INSERT INTO association SELECT n.id, nextval('stamp'), n.mechanism, n.wire, n.named, n.version, n.body, n.highest,
          n.seen, n.horizon, n.over, n.mode, n.jump, n.ends, n.owner, n.until, n.length, n.contended, NULL, 0, 0
        FROM json_populate_recordset(NULL::association, turn->'inserts') n ORDER BY n.id;
      END IF;
      IF json_array_length(turn->'records') > 0 THEN
        UPDATE stored_record r SET stamp = nextval('stamp'), value = n.value, version = n.version, ends = n.ends
        FROM json_populate_recordset(NULL::stored_record, turn->'records') n
        WHERE r.collection = n.collection AND r.key = n.key;
      END IF;
      IF json_array_length(turn->'newRecords') > 0 THEN
        INSERT INTO stored_record SELECT n.collection, n.key, nextval('stamp'), n.value, n.version, n.ends
        FROM json_populate_recordset(NULL::stored_record, turn->'newRecords') n ORDER BY n.collection, n.key;
      END IF;
      IF json_array_length(turn->'deleted') > 0 THEN
        DELETE FROM stored_record r USING json_to_recordset(turn->'deleted') AS n(collection bytea, key bytea)
        WHERE r.collection = n.collection AND r.key = n.key;
      END IF;
      IF json_array_length(turn->'log') > 0 THEN
        UPDATE origin o SET place = o.place + json_array_length(turn->'log') RETURNING o.place INTO base;
        base := base - json_array_length(turn->'log');
        INSERT INTO revocation (place, id, mechanism, why, at)
          SELECT base + n.nth, n.id, n.mechanism, n.why, n.at
          FROM json_to_recordset(turn->'log') AS n(nth bigint, id bytea, mechanism bytea, why text, at double precision);
        INSERT INTO association AS a (id, stamp, mechanism, wire, named, version, body, highest, seen, horizon, over, mode,
          jump, ends, owner, until, length, contended, why, at, place)
          SELECT n.id, nextval('stamp'), n.mechanism, n.wire, false, n.version, '', 0, '', 0, true, 0, NULL, NULL, '', 0, 0, 0,
            n.why, n.at, base + n.nth
          FROM json_to_recordset(turn->'graves') AS n(nth bigint, id bytea, mechanism bytea, wire bytea, version bigint,
            why text, at double precision) ORDER BY n.id
        ON CONFLICT (id) DO UPDATE SET stamp = excluded.stamp, mechanism = excluded.mechanism, wire = excluded.wire,
          named = false, version = excluded.version, body = '', seen = '', over = true, ends = NULL, why = excluded.why,
          at = excluded.at, place = excluded.place;
      END IF;
      RETURN ${verdicts.done};
    END $body$`
  ]
]
