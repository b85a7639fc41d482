-- What people ask of their calls, for PostgreSQL: a view that holds each conversation once, and five
-- queries. Each statement runs by itself; the tests run all of them on a real server.
--
-- Tables as meltanolabs-target-postgres makes them, in the schema tap_ayra. Times are UTC, in columns
-- without time zone; duration is in seconds.

-- The latest version of each conversation. target-postgres upserts, so there is one anyway; a table
-- that a target only appends to holds a row for each version that was delivered.
CREATE OR REPLACE VIEW tap_ayra.latest_conversations AS
SELECT DISTINCT ON (id) *
FROM tap_ayra.conversations
ORDER BY id, _sdc_extracted_at DESC NULLS LAST;

-- 1. Calls per hour and agent
SELECT date_trunc('hour', start_time) AS hour,
       agent_id,
       max(agent_name) AS agent_name,
       count(*) AS calls,
       round(avg(duration)) AS average_seconds
FROM tap_ayra.latest_conversations
GROUP BY hour, agent_id
ORDER BY hour, calls DESC;

-- 2. Abandon rate per day, of the calls that are over
SELECT start_time::date AS day,
       count(*) FILTER (WHERE status = 'abandoned') AS abandoned,
       count(*) AS calls,
       round(100.0 * count(*) FILTER (WHERE status = 'abandoned') / count(*), 1) AS percent
FROM tap_ayra.latest_conversations
WHERE status <> 'in_progress'
GROUP BY day
ORDER BY day;

-- 3. Sentiment over time: the share of each, week by week
SELECT date_trunc('week', start_time)::date AS week,
       sentiment,
       count(*) AS calls,
       round(100.0 * count(*) / sum(count(*)) OVER (PARTITION BY date_trunc('week', start_time)), 1)
         AS percent
FROM tap_ayra.latest_conversations
WHERE sentiment IS NOT NULL
GROUP BY date_trunc('week', start_time), sentiment
ORDER BY week, sentiment;

-- 4. Topics: one row per call and topic, counted; topics is text[]
SELECT topic,
       count(*) AS calls,
       round(avg(duration)) AS average_seconds
FROM tap_ayra.latest_conversations
CROSS JOIN LATERAL unnest(topics) AS topic
GROUP BY topic
ORDER BY calls DESC, topic;

-- 5. Conversations with their transcript, the latest first; needs the stream transcript_messages
SELECT conversation.id,
       conversation.start_time,
       conversation.agent_name,
       conversation.outcome,
       string_agg(message.speaker || ': ' || message.text, E'\n' ORDER BY message.position)
         AS transcript
FROM tap_ayra.latest_conversations AS conversation
JOIN tap_ayra.transcript_messages AS message ON message.conversation_id = conversation.id
GROUP BY conversation.id, conversation.start_time, conversation.agent_name, conversation.outcome
ORDER BY conversation.start_time DESC;
