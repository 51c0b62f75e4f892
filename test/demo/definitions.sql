-- What the course team defines, as role registrar (level issuer): three types of credential and where
-- they apply. Lengths are points from the bottom left.

-- What the certificates have in common, for A4; the templates leave room for it.
CREATE TEMPORARY TABLE layout AS SELECT jsonb $${
    "locale": "en",
    "date_format": "d MMMM yyyy",
    "defaults": {"font": ["eb-garamond"], "color": "#33322e"},
    "text_elements": {
        "title":    {"y": 405, "size": 33, "text": "Certificate of {credential_type}"},
        "intro":    {"y": 348, "size": 15, "font": "eb-garamond-italic", "text": "This certifies that"},
        "name":     {"y": 298, "size": 44, "min_size": 24, "max_width": 600},
        "phrase":   {"y": 262, "size": 15, "font": "eb-garamond-italic", "text": "has completed the course"},
        "context":  {"y": 227, "size": 25, "min_size": 20, "max_width": 480, "line_height": 1.15},
        "date":     {"x": 321, "y": 112, "size": 14, "max_width": 150},
        "when":     {"x": 321, "y": 93, "size": 7, "char_space": 1.2, "uppercase": true, "text": "Date of issue"},
        "director": {"x": 521, "y": 93, "size": 7, "char_space": 1.2, "uppercase": true, "text": "Director of Studies"},
        "verify":   {"x": 143, "y": 92, "size": 7, "char_space": 1.2, "uppercase": true, "text": "Scan to verify"},
        "code":     {"x": 143, "y": 82, "size": 5.6, "font": "Helvetica", "max_width": 130, "text": "{verify_uuid}"}
    },
    "qr_codes": [{"x": 105, "y": 100, "size": 76}]
}$$ AS a4;

-- US Letter is 50 points less wide and 17 higher.
ALTER TABLE layout ADD letter jsonb;
UPDATE layout SET letter = learning_credentials.merge_options(a4, $${
    "text_elements": {
        "title": {"y": 411}, "date": {"x": 296}, "when": {"x": 296}, "director": {"x": 496}
    }
}$$);

INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func, custom_options)
SELECT 'Completion', 'learning_credentials.retrieve_completions', 'learning_credentials.generate_pdf',
       learning_credentials.merge_options(a4, $${
    "required_completion": 0.9,
    "template": "certificate-a4",
    "text_elements": {
        "title": {"color": "#1d3557"},
        "name":  {"color": "#1d3557"}
    }
}$$) FROM layout
UNION ALL
SELECT 'Achievement', 'learning_credentials.retrieve_subsection_grades', 'learning_credentials.generate_pdf',
       learning_credentials.merge_options(letter, $${
    "required_grades": {"Homework": 0.6, "Exam": 0.6, "Total": 0.7},
    "template": "certificate-letter",
    "text_elements": {
        "title":  {"color": "#1f4d3f"},
        "name":   {"color": "#1f4d3f"},
        "phrase": {"text": "has passed the examinations of the course"},
        "grade":  {"y": 168, "size": 13, "text": "with a final grade of {evidence.current_grades.total} out of 100"}
    }
}$$) FROM layout
UNION ALL
SELECT 'Pathway', 'learning_credentials.retrieve_completions_and_grades', 'learning_credentials.generate_pdf',
       learning_credentials.merge_options(a4, $${
    "required_completion": 0.9,
    "required_grades": {"Homework": 0.5, "Exam": 0.5, "Total": 0.6},
    "template": "pathway-a4",
    "text_elements": {
        "title":  {"color": "#6b1f2e", "text": "Learning Path Diploma"},
        "name":   {"color": "#6b1f2e"},
        "phrase": {"text": "has completed the Learning Path"}
    }
}$$) FROM layout;

-- Where they apply. A configuration's options are laid over its type's. schedule.sql enables them.
INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id, custom_options)
SELECT c.key, t.id, c.options::jsonb
  FROM learning_credentials.credential_type t
  JOIN (VALUES
    ('course-v1:Meridian+NAV101+2026', 'Completion', '{}'),
    ('course-v1:Meridian+STAT120+2026', 'Completion', '{"required_completion": 0.95}'),
    ('course-v1:Meridian+STAT120+2026', 'Achievement', '{}'),
    ('path-v1:Meridian+OBS+2026+open', 'Pathway', $${
        "steps": {
            "course-v1:Meridian+NAV101+2026": {
                "required_completion": 0.85,
                "required_grades": {"Homework": 0.5, "Practical": 0.5, "Exam": 0.5, "Total": 0.6}
            }
        },
        "text_elements": {
            "steps": {"y": 190, "size": 13, "text": "with the courses Celestial Navigation and Reasoning with Data"}
        }
    }$$)) AS c (key, type, options) ON c.type = t.name
 ORDER BY t.id, c.key;
