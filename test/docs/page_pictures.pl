#!/usr/bin/perl
# page_pictures.pl DATABASE PAGE.md FOLDER: makes the pictures of the verify page that a page of the docs asks for, as
# FOLDER/NAME.png. What may stand in the braces of <!-- picture NAME: {...} --> is in test/docs/examples.md.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../t/lib";

use Browser;
use File::Temp;
use IPC::Run;
use JSON::PP qw(decode_json);
use PageServer;

my ($database, $page, $folder) = @ARGV;
my %code = (
	valid => '5c1d0f0e-7a43-4b8e-9a55-2f3f0f6d9b7a',
	invalidated => '0a4be2b6-58a7-4c5e-8d41-93c3a9f8e210',
	expired => 'd80cdbb5-2c0a-4a6f-b7f9-1f4b5b8c6e73',
	unknown => '00000000-0000-4000-8000-000000000000',
	malformed => 'certificate');

sub sql
{
	my ($statements) = @_;

	IPC::Run::run([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $database ], '<', \$statements) or die 'psql failed';
	return;
}

Browser::program() or die "page_pictures.pl: there is no Chromium\n";
sql(<<'SQL');
CREATE ROLE anonymous;
SELECT learning_credentials.grant_access('anonymous', 'verifier') \g /dev/null
ALTER DATABASE :"DBNAME" SET learning_credentials.organization = 'University of Example';
INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func, custom_options)
VALUES ('Certificate of Achievement', 'learning_credentials.retrieve_completions', 'learning_credentials.generate_pdf', '{"page": {}}');
INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id)
SELECT 'course-v1:Example+MATH101+2026', id FROM learning_credentials.credential_type;
INSERT INTO learning_credentials.credential
    (uuid, verify_uuid, configuration_id, credential_type_name, learning_context_key, learning_context_name, user_id, user_full_name,
     status, issue_date, expires_at, supersedes, superseded_by, invalidated_at, invalidation_reason)
SELECT ('0000000' || n || '-0000-7000-8000-000000000000')::uuid, code::uuid, c.id, 'Certificate of Achievement', c.learning_context_key,
       'Introduction to Mathematics', n, name, status::learning_credentials.credential_status, '2026-06-12 12:00+00', expires::timestamptz,
       ('0000000' || supersedes || '-0000-7000-8000-000000000000')::uuid,
       ('0000000' || superseded_by || '-0000-7000-8000-000000000000')::uuid, CASE WHEN reason IS NOT NULL THEN now() END, reason
  FROM learning_credentials.credential_configuration c,
       (VALUES (1, '5c1d0f0e-7a43-4b8e-9a55-2f3f0f6d9b7a', 'Ada Lovelace', 'available', NULL, 2, NULL::integer, NULL),
               (2, '0a4be2b6-58a7-4c5e-8d41-93c3a9f8e210', 'Ada Byron', 'invalidated', NULL, NULL, 1, 'The name was changed.'),
               (3, 'd80cdbb5-2c0a-4a6f-b7f9-1f4b5b8c6e73', 'محمد بن موسى الخوارزمي', 'available', '2026-09-01 00:00+00', NULL, NULL, NULL)
       ) AS v (n, code, name, status, expires, supersedes, superseded_by, reason);
INSERT INTO learning_credentials.document (credential_uuid, content, media_type)
SELECT uuid, convert_to('The document of ' || user_full_name, 'UTF8'), 'application/pdf' FROM learning_credentials.credential;
SQL

my $server = PageServer->start("dbname=$database", 'anonymous');
my $profile = File::Temp->newdir;
my $browser = Browser->start("$profile/profile");

open my $text, '<', $page or die "$page: $!";
while (my $line = <$text>)
{
	my ($name, $spec) = $line =~ /^<!-- picture ([\w-]+): (\{.*\}) -->$/ or next;
	my $wanted = decode_json($spec);
	my $code = $code{ $wanted->{page} } or die "page_pictures.pl: $name: there is no page \"$wanted->{page}\"\n";

	$browser->look(width => $wanted->{width} // 800, height => 100, scheme => $wanted->{scheme});
	$browser->open('http://127.0.0.1:' . $server->port . "/verify/$code", { 'Accept-Language' => $wanted->{language} // 'en' });
	$browser->picture("$folder/$name.png");
	# As few colours as it needs.
	system('/usr/bin/python3', '-c', <<'PYTHON', "$folder/$name.png", $wanted->{colors} // 128) == 0 or die 'python3 failed';
import sys
from PIL import Image
Image.open(sys.argv[1]).convert("RGB").quantize(int(sys.argv[2]), kmeans=3, dither=Image.Dither.NONE).save(sys.argv[1], optimize=True)
PYTHON
}
close $text;
$browser->stop;
$server->stop;
