# Every path of deploy/nginx.conf, through nginx and PostgREST: what it answers to anybody, to learners and to staff, to
# good, missing, malformed and hostile input.
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use FindBin;
use lib "$FindBin::RealBin/lib";
use LearningCredentials;
use PostgreSQL::Test::Utils;
use Rest;
use Test::More;
use Time::HiRes qw(time);

if (!nginx_program())
{
	diag('NO NGINX (NGINX_PROGRAM=..., or on the path): WHAT IS TESTED THROUGH IT IS SKIPPED');
	plan skip_all => 'no nginx';
}

# ============================================================ a campus

my $node = new_node('campus');
make_database($node, 'campus', 12);
sub sql { return $node->safe_psql('campus', $_[0]) }

my $course = 'course-v1:Üni+CS101+2026';
my $hidden = 'course-v1:Test+hidden+1';
my $path = 'path-v1:Test+P1+2026+A';
my $plus = 'course-v1:a.b~c:d_e-f+g+h';

web_roles($node, 'campus');
sql(<<"SQL");
UPDATE learning_credentials.lms_user SET username = 'is.abella', full_name = '<script>alert(1)</script>' WHERE id = 3;
UPDATE learning_credentials.lms_user SET username = 'a+b c&d=e%41' WHERE id = 4;
UPDATE learning_credentials.lms_user SET username = 'Łucja' WHERE id = 5;
INSERT INTO learning_credentials.lms_context (key, display_name, invite_only)
VALUES ('$course', 'Informatik & Ähnliches', false), ('$hidden', 'Hidden', false), ('$path', 'A path', true), ('$plus', 'Plus', false);
INSERT INTO learning_credentials.lms_enrollment (context_key, user_id)
SELECT k, u FROM unnest(ARRAY['$course', '$plus']) AS k, generate_series(1, 6) AS u;
INSERT INTO learning_credentials.lms_enrollment (context_key, user_id) VALUES ('$path', 1);
INSERT INTO learning_credentials.lms_path_step (path_key, course_key, position) VALUES ('$path', '$course', 1);
INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id, enabled)
SELECT k, t.id, true FROM learning_credentials.credential_type t, unnest(ARRAY['$course', '$hidden', '$path', '$plus']) AS k;
SQL

# issue(KEY, USER): uuid and verify_uuid
sub issue
{
	my ($key, $user) = @_;
	my $uuid = sql("SELECT learning_credentials.generate_credential(f.id, $user) FROM learning_credentials.credential_configuration f WHERE f.learning_context_key = '$key'");
	return ($uuid, sql("SELECT verify_uuid FROM learning_credentials.credential WHERE uuid = '$uuid'"));
}
my ($valid, $code) = issue($course, 1);
my ($others, $others_code) = issue($course, 3);
my ($withdrawn, $withdrawn_code) = issue($plus, 1);
sql("SELECT learning_credentials.invalidate_credential('$withdrawn', 'Copied homework')");
sql('INSERT INTO app.failing VALUES (6)');
my ($pending, $pending_code) = do
{
	my $id = sql("SELECT id FROM learning_credentials.credential_configuration WHERE learning_context_key = '$course'");
	my (undef, undef, $error) = finish_sql(start_sql($node, 'campus', "SELECT learning_credentials.generate_credential($id, 6)"));
	split /\|/, sql('SELECT uuid, verify_uuid FROM learning_credentials.credential WHERE user_id = 6');
};
my $file = sql("SELECT encode(content, 'hex') FROM learning_credentials.document WHERE credential_uuid = '$valid'");
my $hash = sha256_hex(pack 'H*', $file);
my $unknown = '00000000-0000-4000-8000-000000000000';

my $socket = start_postgrest($node, 'campus');
my $nginx = start_nginx($socket, qr{rate=10r/s}, 'rate=5000r/s', qr{burst=20}, 'burst=5000');
my $port = $nginx->{port};
my $base = '/api/learning_credentials/v1';

my $learner = token(role => 'learner', user_id => 1);
my $other = token(role => 'learner', user_id => 2);
my $staff = token(role => 'staff', user_id => 9);

# encoded(TEXT): for a path or an argument
sub encoded
{
	my ($text) = @_;
	utf8::encode($text) if utf8::is_utf8($text);
	$text =~ s/([^0-9A-Za-z._~-])/sprintf '%%%02X', ord $1/ge;
	return $text;
}

# got(PATH, TOKEN, HEADER => VALUE...)
sub got
{
	my ($path_, $token, %headers) = @_;
	$headers{Authorization} = $token if $token;
	return answer($port, "$base$path_", %headers);
}

# refused(ANSWER, STATUS, MESSAGE, NAME): our words, and nothing else
sub refused
{
	my ($answer, $status, $message, $name) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $shown = $name =~ s/[^ -~]/?/gr;
	subtest substr($shown, 0, 120) => sub
	{
		is($answer->{status}, $status, 'status');
		is_deeply(json_of($answer), { error => $message }, 'the error') or diag($answer->{raw});
		like($answer->{headers}{'content-type'}, qr{^application/json}, 'its type');
		is($answer->{headers}{'cache-control'}, 'no-store', 'not to be cached');
		is($answer->{headers}{'x-content-type-options'}, 'nosniff', 'nor guessed at');
		unlike($answer->{raw}, qr/PGRST|postgrest|hint|details|schema|learning_credentials_api|X-Problem/i, 'names nothing');
		like($answer->{headers}{'www-authenticate'} // '', $status == 401 ? qr/^Bearer(?: error=.*)?$/ : qr/^$/, 'challenge');
	};
	return;
}

my $anybody = 'Authentication required.';

# ============================================================ metadata

for my $slash ('/', '')
{
	my $answer = got("/metadata/$code$slash");
	is($answer->{status}, 200, "metadata$slash");
	my $it = json_of($answer);
	is($it->{verify_uuid}, $code, 'the code');
	is($it->{user_full_name}, "U\x{17c}ytkownik 1", 'the name');
	is($it->{learning_context_name}, "Informatik & \x{c4}hnliches", 'the course');
	is($it->{status}, 'available', 'the status');
	ok($it->{is_valid}, 'valid');
	like($answer->{headers}{'content-type'}, qr{^application/json}, 'JSON');
	is($answer->{headers}{'content-range'}, undef, 'no range of rows');
}
is(json_of(got("/metadata/\U$code/"))->{verify_uuid}, $code, 'a code in capitals');
{
	my $it = json_of(got("/metadata/$withdrawn_code/"));
	is_deeply([ @$it{qw(status invalidation_reason)} ], [ 'invalidated', 'Copied homework' ], 'an invalidated one');
}
for ([ $unknown, 'an unknown code' ], [ $pending_code, 'a pending credential' ], [ $valid, 'the uuid instead of the code' ])
{
	refused(got("/metadata/$_->[0]/"), 404, 'Credential not found.', "metadata: $_->[1]");
}
# An unknown and a pending credential do not differ in a byte.
{
	my ($one, $two) = map { my $raw = got("/metadata/$_/")->{raw}; $raw =~ s/^Date:.*$//mr } $unknown, $pending_code;
	is($one, $two, 'pending and unknown: the same answer');
}
my @malformed = ('x', '-', "$code-", substr($code, 1), "{$code}", '%00', "$code%00", 'eq.5', "eq.$code", "neq.$code",
	"gte.$unknown", "in.($code)", 'is.null', 'not.is.null', "$code&verify_uuid=$others_code", "$code%26verify_uuid%3D$others_code",
	"$code&select=*", "$code%3Fselect%3D*", "$code;", "$code%23", "${code}%20", "$code%0d%0aX: y", "%ff%fe", "%c3%28", '%e2%80%8e',
	"'; DROP TABLE credential; --", 'x' x 3000, "$code/x", "$code//x", '%25', '%2500', '%', '%g1', 'ä', '+', "$code\\");
for my $value (@malformed)
{
	my $answer = got('/metadata/' . $value =~ s/ /%20/gr . '/');
	refused($answer, 400, $answer->{body} =~ /verification/ ? 'The verification code is malformed.' : 'Malformed request.', "metadata: $value");
}
is(got("/metadata/$code/", $_)->{status}, 200, 'a token makes no difference to verification')
  for 'Bearer nonsense', token(role => 'nobody'), token(role => 'anonymous', exp => 1), $learner;
is(got("/metadata/$code/?select=*&limit=0&verify_uuid=eq.$others_code&x[]=%ff")->{body}, got("/metadata/$code/")->{body}, 'nor do arguments');
is(got("/metadata/$code/", undef, %$_)->{body}, got("/metadata/$code/")->{body}, "nor does header @{[%$_]}")
  for { Range => '5-9' }, { Range => 'items=1-1', 'Range-Unit' => 'items' }, { Prefer => 'count=exact' }, { Prefer => 'timezone=America/New_York' },
  { Prefer => 'tx=rollback' }, { Accept => 'text/csv' }, { Accept => 'application/vnd.pgrst.plan' }, { 'Accept-Profile' => 'pg_catalog' },
  { 'Content-Profile' => 'public' }, { 'X-HTTP-Method-Override' => 'DELETE' }, { 'X-Forwarded-For' => '::1' }, { Cookie => 'role=staff' },
  { 'X-Problem' => '{"error": "x"}' }, { 'Content-Type' => 'application/json', body => '{"verify_uuid": "x"}' };

# Bytes that are no UTF-8 in headers that are passed on: PostgREST fails on them.
for my $bytes ("\xff\xfe", "\xe9", "de-\xc3\xa9;q=1", '\u0000', '{"a": "b"}', "\x01", "\x7f")
{
	my %headers = ('Accept-Language' => $bytes, 'If-None-Match' => qq{"$bytes"});
	my $shown = $bytes =~ s/([^ -~])/sprintf '\x%02x', ord $1/ger;
	is(got("/metadata/$code/", $bytes, %headers)->{status}, 200, "metadata with headers of $shown");
	is(got("/verify/$code", $bytes, %headers)->{status}, 200, 'the page');
	is(got("/documents/$valid.pdf", $learner, %headers)->{status}, 200, 'a document');
	refused(got("/documents/$valid.pdf", $_), 401, $anybody, 'a token') for $bytes, "Bearer $bytes";
}

# ============================================================ verify_document

{
	my $it = json_of(got("/verify_document/$hash/"));
	ok($it->{is_current} && $it->{is_valid}, 'a document that was issued, unchanged');
	is($it->{verify_uuid}, $code, 'of this credential');
	is(got("/verify_document/\U$hash")->{status}, 200, 'in capitals');
	refused(got('/verify_document/' . '0' x 64 . '/'), 404, 'Document not found.', 'a document that was not issued');
	refused(got("/verify_document/$_/"), 400, 'The SHA-256 is malformed: it has 64 hexadecimal digits.', "verify_document: $_")
	  for 'x', substr($hash, 1), "${hash}0", 'eq.' . $hash, "$hash&select=x", 'ä', "%ff";
}

# ============================================================ the page

{
	my $answer = got("/verify/$code", undef, 'Accept-Language' => 'de', Accept => 'application/json');
	is($answer->{status}, 200, 'the page');
	is($answer->{headers}{'content-type'}, 'text/html; charset=utf-8', 'HTML whatever is accepted');
	is($answer->{headers}{'content-language'}, 'de', 'in the language that was asked for');
	like($answer->{headers}{'content-security-policy'}, qr/default-src 'none'/, 'with its policy');
	is($answer->{headers}{'x-content-type-options'}, 'nosniff', 'once');
	is($answer->{headers}{'content-range'}, undef, 'no range');
	is(got("/verify/$code/")->{status}, 200, 'with a slash');
	is(answer($port, "/verify/$code$_")->{status}, 200, "the short address$_") for '', '/', '?x=y';
	is(answer($port, "/verify/$unknown")->{status}, 404, 'the short address of an unknown code');
	like(got("/verify/$others_code")->{body}, qr/&lt;script&gt;alert\(1\)&lt;/, 'a name is shown as it is');
	unlike(got("/verify/$others_code")->{body}, qr/<script>alert/, 'and not run');

	for ([ $unknown, 404 ], [ $pending_code, 404 ], [ 'x', 400 ], [ 'eq.x', 400 ], [ "%ff", 400 ], [ "<script>alert(1)</script>", 400 ],
		[ "$code&verify_uuid=x", 400 ], [ 'x' x 2000, 400 ], [ '', 400 ])
	{
		my ($value, $status) = @$_;
		$answer = got("/verify/$value");
		is($answer->{status}, $status, "verify/" . substr($value, 0, 60));
		is($answer->{headers}{'content-type'}, 'text/html; charset=utf-8', 'a page');
		like($answer->{body}, qr{</html>\s*$}, 'all of it');
		like($answer->{headers}{'content-security-policy'} // '', qr/default-src 'none'/, 'with its policy');
		unlike($answer->{body}, qr/<script>alert/, 'nothing is run');
	}
}

# ============================================================ configured

{
	my $key = encoded($course);
	my %counted = (has_credentials => JSON::PP::true(), credential_count => 1);
	for ([ $learner, 'a learner' ])
	{
		is_deeply(json_of(got("/configured/$key/", $_->[0])), \%counted, "configured: $_->[1]");
		is_deeply(json_of(got("/configured/$key", $_->[0])), \%counted, 'without a slash');
	}
	is_deeply(json_of(got("/configured/$plus/", $learner)), \%counted, 'a key with "+", ":" and "~" as they are');
	is_deeply(json_of(got('/configured/' . encoded($plus) . '/', $learner)), \%counted, 'encoded');
	is_deeply(json_of(got('/configured/' . lc(encoded($plus)) =~ s/%2B/%2b/gr . '/', $learner)), \%counted, 'encoded in small letters');
	is_deeply(json_of(got("/configured/course-v1:Üni+CS101+2026/", $learner)), \%counted, 'bytes that are not encoded');
	refused(got("/configured/$key/"), 401, $anybody, 'configured: anybody');
	refused(got("/configured/$hidden/", $learner), 404, 'Learning context not found.', 'configured: a course one is not enrolled in');
	refused(got("/configured/course-v1:no+such+course/", $learner), 404, 'Learning context not found.', 'configured: a course that is not there');
	for my $value ('x', 'eq.5', 'in.(a)', 'is.null', 'not.eq.x', 'course-v1:', 'course-v1:a+b', 'course-v1:a+b+c+d', 'path-v1:a+b+c', 'course-v1:a b c',
		'course-v1:a%20b%20c', 'course-v1:a+b+c&x=y', 'course-v1:a+b+c%26x', 'course-v1:a+b+c;d', 'course-v1:a+b+c%3b', 'course-v1:a+b+%ff', 'course-v1:a+b+%c0%af',
		'course-v1:a+b+%ed%a0%80', 'course-v1:a+b+%f4%90%80%80', 'course-v1:a+b+%00', 'course-v1:a+b+c%0a', 'course-v1:a+b+c%2fd', 'course-v1:a+b+c/d',
		'course-v1:a+b+%e2%80%8b', "course-v1:a+b+'--", 'course-v1:a+b+<b>', 'course-v1:++', 'COURSE-V1:a+b+c', 'course-v1%3Aa%20b%20c', 'course-v1:a+b+' . 'c' x 5000 . '!')
	{
		my $answer = got('/configured/' . $value =~ s/ /%20/gr . '/', $learner);
		refused($answer, 400, $answer->{body} =~ /key/ ? 'The learning context key is malformed.' : 'Malformed request.', "configured: $value");
	}
}

# ============================================================ eligibility

{
	my $key = encoded($course);
	my $it = json_of(got("/eligibility/$key/", $learner));
	is($it->{context_key}, "course-v1:\x{dc}ni+CS101+2026", 'eligibility: the key');
	is(scalar @{ $it->{credentials} }, 1, 'one credential');
	my $one = $it->{credentials}[0];
	is($one->{name}, 'Plain', 'its name');
	ok($one->{is_eligible}, 'eligible');
	is($one->{existing_credential}, $valid, 'the one there is');
	like($one->{existing_credential_url}, qr{/documents/$valid\.pdf$}, 'where it is');

	refused(got("/eligibility/$key/"), 401, $anybody, 'eligibility: anybody');
	refused(got("/eligibility/$hidden/", $learner), 404, 'Learning context not found.', 'eligibility: a hidden course');
	is(got("/eligibility/$key/?username=user1", $learner)->{status}, 200, 'oneself by name');
	is(got("/eligibility/$key/?username=", $learner)->{status}, 200, 'an empty name is none');
	refused(got("/eligibility/$key/?username=is.abella", $learner), 403, 'Only staff may name another user.', 'eligibility: somebody else');
	refused(got("/eligibility/$key/?username=nobody", $learner), 403, 'Only staff may name another user.', 'eligibility: nobody, for a learner');
	for ([ 'is.abella', $others ], [ 'user1', $valid ])
	{
		$it = json_of(got("/eligibility/$key/?username=$_->[0]", $staff));
		is($it->{credentials}[0]{existing_credential}, $_->[1], "staff asks for $_->[0]");
	}
	is(got("/eligibility/$key/?username=" . encoded($_), $staff)->{status}, 200, "staff asks for $_") for 'a+b c&d=e%41', 'Łucja';
	is(got("/eligibility/$key/?username=a%2Bb+c%26d%3De%2541", $staff)->{status}, 200, 'a "+" in a query is a blank');
	refused(got("/eligibility/$key/?username=" . encoded($_), $staff), 404, 'User not found.', "eligibility: user $_")
	  for 'nobody', 'eq.user1', 'in.(user1,is.abella)', 'not.is.null', "' OR true --", 'a' x 2000, "user1\t";
	refused(got("/eligibility/$key/?username=$_", $staff), 400, 'Malformed request.', "eligibility: username=$_")
	  for '%ff', '%c3%28', '%', '%4', '%zz', '%ed%a0%80', "\xff";
	is(scalar @{ json_of(got("/eligibility/$key/?retrieval_func=app.retrieve_all", $learner))->{credentials} }, 1, 'by retrieval function');
	is(scalar @{ json_of(got("/eligibility/$key/?retrieval_func=learning_credentials.retrieve_completions&username=user1", $learner))->{credentials} },
		0, 'by one that none has');
	is(got("/eligibility/$key/?retrieval_func=is.null&select=x&limit=0&or=(a.eq.b)", $learner)->{status}, 200, 'other arguments are not passed on');
}

# ============================================================ one's own credentials

{
	my $list = sub { return [ sort map { $_->{credential_id} } @{ json_of(got(@_))->{credentials} } ] };
	is_deeply($list->('/credentials/', $learner), [ sort $valid, $withdrawn ], 'credentials');
	is_deeply($list->('/credentials', $learner), [ sort $valid, $withdrawn ], 'credentials without a slash');
	is_deeply($list->('/credentials/', $other), [], 'none');
	is_deeply($list->('/credentials/?username=is.abella', $staff), [$others], 'staff');
	refused(got('/credentials/'), 401, $anybody, 'credentials: anybody');
	refused(got('/credentials/?username=is.abella', $learner), 403, 'Only staff may name another user.', 'credentials: somebody else');
	refused(got('/credentials/?username=%ff', $staff), 400, 'Malformed request.', 'credentials: malformed');
}

# ============================================================ documents

{
	my $answer = got("/documents/$valid.pdf", $learner);
	is($answer->{status}, 200, 'a document');
	is(sha256_hex($answer->{body}), $hash, 'the bytes');
	is($answer->{headers}{'content-type'}, 'text/plain', 'their type') or diag($answer->{raw});
	like($answer->{headers}{'cache-control'}, qr/private|no-store/, 'for nobody else');
	like($answer->{headers}{'content-disposition'}, qr/filename/, 'a file name');
	my $tag = $answer->{headers}{etag};
	like($tag, qr/^"\Q$hash\E"$/, 'a tag of the hash');
	my $again = got("/documents/$valid.pdf", $learner, 'If-None-Match' => $tag);
	is($again->{status}, 304, 'not again');
	is($again->{body}, '', 'nothing');
	is($again->{headers}{etag}, $tag, 'the tag');
	is($again->{headers}{'content-type'}, 'text/plain', 'the type, which a cache keeps');
	is(got("/documents/$valid.pdf", $learner, 'If-None-Match' => '"x"')->{status}, 200, 'another tag');
	my $head = got("/documents/$valid.pdf", $learner, method => 'HEAD');
	is_deeply([ $head->{status}, $head->{body} ], [ 200, '' ], 'HEAD');
	is(got("/documents/$valid.pdf", $staff)->{status}, 200, 'staff has it too');

	refused(got("/documents/$valid.pdf"), 401, $anybody, 'documents: anybody');
	refused(got("/documents/$valid.pdf", $other), 404, 'Document not found.', "documents: somebody else's");
	refused(got("/documents/$unknown.pdf", $learner), 404, 'Document not found.', 'documents: unknown');
	refused(got("/documents/$code.pdf", $learner), 404, 'Document not found.', 'documents: by verification code');
	refused(got("/documents/$withdrawn.pdf", $learner), 410, 'The credential was invalidated.', 'documents: invalidated');
	refused(got("/documents/$pending.pdf", token(role => 'learner', user_id => 6)), 404, 'Document not found.', 'documents: pending');
	refused(got("/documents/$_.pdf", $learner), 400, 'The identifier of the credential is malformed.', "documents: $_")
	  for 'x', "eq.$valid", "$valid&uuid=$others", '..', "$valid%20", 'ä', '%ff';
	refused(got("/documents/$_", $learner), 404, 'Not found.', "documents: $_") for '', '.pdf', $valid, "$valid.html", "$valid.pdf/", "x/$valid.pdf", "../rpc/document?uuid=$valid";
}

# ---- one that lies elsewhere
{
	my $elsewhere = sql(<<"SQL");
INSERT INTO learning_credentials.credential
       (configuration_id, credential_type_name, learning_context_key, learning_context_name, user_id, user_full_name, status, issue_date, download_url)
SELECT f.id, 'Plain', f.learning_context_key, 'Hidden', 1, 'User 1', 'available', now(), 'https://files.example.org/a%20b.pdf?x=y'
  FROM learning_credentials.credential_configuration f WHERE f.learning_context_key = '$hidden'
RETURNING uuid
SQL
	my $answer = got("/documents/$elsewhere.pdf", $learner);
	is($answer->{status}, 302, 'a document that lies elsewhere');
	is($answer->{headers}{location}, 'https://files.example.org/a%20b.pdf?x=y', 'there');
	refused(got("/documents/$elsewhere.pdf", $other), 404, 'Document not found.', "documents: somebody else's that lies elsewhere");
}

# ============================================================ LinkedIn

like(json_of(got("/linkedin/$valid/", $learner))->{url}, qr{^https://www\.linkedin\.com/}, 'a link to a profile');
refused(got("/linkedin/$valid/"), 401, $anybody, 'linkedin: anybody');
refused(got("/linkedin/$valid/", $other), 404, 'Credential not found.', "linkedin: somebody else's");
refused(got("/linkedin/x/", $learner), 400, 'The identifier of the credential is malformed.', 'linkedin: malformed');

# ============================================================ tokens

{
	my $where = '/credentials/';
	refused(got($where, $_->[0]), 401, $anybody, "a token $_->[1]")
	  for [ token(role => 'learner', user_id => 1, secret => 'another secret of the tests, 32 bytes'), 'of somebody else' ],
	  [ token(role => 'learner', user_id => 1, exp => time - 3600), 'that has expired' ],
	  [ token(role => 'learner', user_id => 1, header => { alg => 'none' }), 'with no algorithm' ],
	  [ token(role => 'learner'), 'without a user' ], [ token(role => 'learner', user_id => undef), 'whose user is null' ],
	  [ token(role => 'learner', user_id => 'x'), 'whose user is no number' ], [ token(role => 'learner', user_id => 1.5), 'whose user is no whole number' ],
	  [ token(role => 'learner', user_id => '9' x 30), 'whose user is too large' ], [ token(role => 'learner', user_id => [1]), 'with a list of users' ],
	  [ token(role => 'learner', user_id => { id => 1 }), 'with an object' ], [ 'Bearer x', 'that is none' ], [ 'Bearer a.b.c', 'of three parts' ],
	  [ token(user_id => 1), 'without a role' ], [ 'Basic dXNlcjpwYXNz', 'of another kind' ];
	is(got($where, token(role => 'learner', user_id => '1', exp => int(time) + 600))->{status}, 200, 'digits, not yet expired');
	# A role that the authenticator is not a member of, or that is not there.
	for my $role ('postgres', scalar(getpwuid $<), 'nobody_at_all', 'authenticator', 'learner"; RESET ROLE; --')
	{
		my $answer = got($where, token(role => $role, user_id => 1));
		cmp_ok($answer->{status}, '>=', 400, "role $role");
		cmp_ok($answer->{status}, '<', 500, 'refused');
		unlike($answer->{raw}, qr/permission|postgres|does not exist|PGRST/, 'names nothing');
		is_deeply([ keys %{ json_of($answer) } ], ['error'], 'in our words');
	}
}

# ============================================================ everything else

refused(answer($port, $_), 404, 'Not found.', "GET $_")
  for '/', '/rpc/metadata?verify_uuid=' . $code, "/metadata?verify_uuid=eq.$code", '/rpc/verify_page', '/api', $base, "$base/", "$base/rpc/metadata",
  "$base/metadata", "$base/nothing/", "$base/metadatax/$code/", "/API/learning_credentials/v1/metadata/$code/", '/problem', '/index.html', '/favicon.ico',
  "$base/metadata/../rpc/metadata", '/.env', '/nginx_status', "$base/eligibility", "$base/metadata/..%2f..%2frpc/metadata", "$base/configuredx/x/";
is(answer($port, "/x/..$base//metadata/./$code/")->{status}, 200, 'a path is what it comes to');

for my $method (qw(POST PUT PATCH DELETE OPTIONS TRACE CONNECT PROPFIND get FOO))
{
	for my $where ("$base/metadata/$code/", "$base/documents/$valid.pdf", "$base/verify/$code", '/')
	{
		my $answer = answer($port, $where, method => $method, $method =~ /^P/ ? (body => '{}', 'Content-Type' => 'application/json') : ());
		like($answer->{status}, $method eq 'get' || $method eq 'CONNECT' ? qr/^40[05]$/ : qr/^405$/, "$method $where");
		like($answer->{body}, qr/^\{"error": "[^"]+"\}$/, 'in our words');
		is($answer->{headers}{allow}, 'GET, HEAD', 'what is allowed') if $answer->{status} == 405;
	}
}
is_deeply([ map { got("/metadata/$_/", undef, method => 'HEAD')->{status} } $code, $unknown, 'x' ], [ 200, 404, 400 ], 'HEAD: the same statuses');
is(got("/metadata/$_/", undef, method => 'HEAD')->{body}, '', 'HEAD: no body') for $code, $unknown, 'x';
is_deeply([ @{ got("/verify/$_->[0]", undef, method => 'HEAD') }{qw(status body)} ], [ $_->[1], '' ], 'HEAD: no page')
  for [ $code, 200 ], [ $unknown, 404 ], [ 'x', 400 ];

# requests that are none
for ([ "GET $base/metadata/\0/ HTTP/1.1\r\nHost: x\r\n\r\n", 'a zero byte' ], [ "GET\r\n\r\n", 'no path' ], [ "\x16\x03\x01\r\n\r\n", 'TLS' ],
	[ "GET $base/metadata/$code/ HTTP/1.1\r\n\r\n", 'no host' ], [ "GET $base/metadata/$code/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 'two hosts' ],
	[ "GET $base/metadata/$code/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 'two lengths' ],
	[ "GET $base/metadata/" . 'a' x 20000 . "/ HTTP/1.1\r\nHost: x\r\n\r\n", 'a path of 20 kB' ],
	[ "GET $base/metadata/$code/ HTTP/1.1\r\nHost: x\r\nX: " . 'a' x 50000 . "\r\n\r\n", 'a header of 50 kB' ],
	[ "GET $base/metadata/$code/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5000\r\n\r\n" . 'a' x 5000, 'a body' ])
{
	my $answer = request($port, $_->[0]);
	like($answer->{raw}, qr/^(?:HTTP.*\r\n\r\n)?\{"error": "[^"]+"\}$/s, "$_->[1]: our words");
	like($answer->{status}, qr/^4\d\d$/, "$_->[1]: status") unless $answer->{status} == 0;
}

# what is written down
{
	my $log = slurp_file($nginx->{access_log});
	like($log, qr/ GET metadata 200 /, 'the log says what was asked for');
	unlike($log, qr/$code|$valid|abella|%41/, 'and of nobody');
}

# ============================================================ many at once

# Connections to the database are shared: nobody gets another's answer.
{
	my %expected;
	for my $user (1, 3, 4)
	{
		my $mine = token(role => 'learner', user_id => $user);
		$expected{$user} = [ $mine, got('/credentials/', $mine)->{body} ];
	}
	my @children;
	for my $child (0 .. 5)
	{
		my $pid = fork // die "fork: $!";
		if ($pid == 0)
		{
			my $wrong = 0;
			for my $i (1 .. 40)
			{
				my $user = (1, 3, 4)[ ($child + $i) % 3 ];
				my ($mine, $body) = @{ $expected{$user} };
				$wrong++ if got('/credentials/', $mine)->{body} ne $body;
				$wrong++ if got('/credentials/')->{status} != 401;
				$wrong++ if json_of(got("/metadata/$code/"))->{verify_uuid} ne $code;
				$wrong++ if got("/metadata/$unknown/")->{status} != 404;
			}
			require POSIX;
			POSIX::_exit($wrong > 100 ? 100 : $wrong);
		}
		push @children, $pid;
	}
	is((waitpid($_, 0), $? >> 8)[1], 0, 'every answer is the right one') for @children;
	isnt($expected{1}[1], $expected{3}[1], 'and they differ');
}

# ============================================================ the database fails

{
	# A source that cannot be read, and a function that fails.
	sql('ALTER TABLE learning_credentials.credential RENAME TO credential_away');
	for my $where ("/verify_document/$hash/", "/verify/$code", "/documents/$valid.pdf", '/credentials/', "/linkedin/$valid/")
	{
		my $answer = got($where, $learner);
		cmp_ok($answer->{status}, '>=', 400, "$where without a table");
		is_deeply([ keys %{ json_of($answer) // {} } ], ['error'], 'our words') or diag($answer->{raw});
		unlike($answer->{raw}, qr/relation|credential_away|42P01|does not exist/, 'no names');
	}
	sql('ALTER TABLE learning_credentials.credential_away RENAME TO credential');
	is(got("/metadata/$code/")->{status}, 200, 'it is back');

	$node->stop;
	for my $where ("/metadata/$code/", "/verify/$code", "/documents/$valid.pdf")
	{
		my $answer = got($where, $learner);
		like($answer->{status}, qr/^50[0-9]$/, "$where without a server");
		is_deeply([ keys %{ json_of($answer) // {} } ], ['error'], 'our words') or diag($answer->{raw});
	}
	$node->start;
	my $end = time + $PostgreSQL::Test::Utils::timeout_default;
	Time::HiRes::sleep(0.1) until got("/metadata/$code/")->{status} == 200 or time > $end;
	is(got("/metadata/$code/")->{status}, 200, 'it answers again');
}
stop_rest();

my $error_log = slurp_file($nginx->{log});
unlike($error_log, qr/\[(?:alert|emerg|crit)\]|uninitialized|pcre/, 'nginx has nothing to complain of');

done_testing();
