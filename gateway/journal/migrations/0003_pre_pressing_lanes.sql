-- Lanes by the day that the law gives their dossier (in Viet Nam; a dossier without such a day comes last), then by age:
-- a claim that cannot have all that is ready takes the nearest day first (decision 0031).

CREATE INDEX lane_pressing ON lane (upstream, coalesce((legal_due + 25200000000) / 86400000000, 999999), due)
WHERE due IS NOT NULL;
