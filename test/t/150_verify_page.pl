# The verify page in a browser, served from a standby: every state, language and colour scheme without a violation of the rules of
# accessibility (axe-core), nothing loaded but the page, the file check, without JavaScript, narrow, on paper.
use strict;
use warnings;
use utf8;
use lib 'test/t/lib';

use Browser;
use File::Copy qw(copy);
use File::Path qw(make_path);
use HTTP::Tiny;
use JSON::PP;
use LearningCredentials;
use PageServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Rest;
use Test::More;

# Pictures of what was tested stay here, to be looked at.
my $pictures = "$PostgreSQL::Test::Utils::tmp_check/verify_page";
make_path($pictures);

# ---------------------------------------------------------------- credentials in every state
my $primary = new_node('primary', 'wal_level = replica', 'max_wal_senders = 4', "TimeZone = 'UTC'",
	"learning_credentials.organization = 'University of London'", 'learning_credentials.show_pending = on');
$primary->safe_psql('postgres', 'CREATE EXTENSION learning_credentials');
web_roles($primary, 'postgres');
$primary->safe_psql('postgres', <<'SQL');
INSERT INTO learning_credentials.credential_type (name, retrieval_func, generation_func, custom_options)
VALUES ('Certificate of Achievement', 'learning_credentials.retrieve_completions', 'learning_credentials.generate_pdf', '{"page": {}}');
INSERT INTO learning_credentials.credential_configuration (learning_context_key, credential_type_id)
SELECT 'course-v1:Page+Test+1', id FROM learning_credentials.credential_type;
INSERT INTO learning_credentials.credential
    (uuid, verify_uuid, configuration_id, credential_type_name, learning_context_key, learning_context_name, user_id, user_full_name,
     status, issue_date, expires_at, supersedes, superseded_by, invalidated_at, invalidation_reason)
SELECT ('0000000' || n || '-0000-7000-8000-000000000000')::uuid, ('a000000' || n || '-0000-4000-8000-000000000000')::uuid,
       c.id, 'Certificate of Achievement', c.learning_context_key, context, n, name, status::learning_credentials.credential_status,
       CASE WHEN status <> 'generating' THEN '2026-06-12 12:00+00'::timestamptz END, expires::timestamptz,
       ('0000000' || supersedes || '-0000-7000-8000-000000000000')::uuid,
       ('0000000' || superseded_by || '-0000-7000-8000-000000000000')::uuid,
       CASE WHEN reason IS NOT NULL THEN now() END, reason
  FROM learning_credentials.credential_configuration c,
       (VALUES (1, 'Ada Lovelace', 'Notes on the Analytical Engine', 'available', '9000-06-12 12:00+00', 2, NULL::integer, NULL),
               (2, 'Ada Byron', 'Notes on the Analytical Engine', 'invalidated', NULL, NULL, 1, 'The name was changed.'),
               (3, 'محمد بن موسى الخوارزمي', 'الجبر والمقابلة', 'available', '2026-08-01', NULL, NULL, NULL),
               (4, '<script>alert(1)</script>', '"><img src=x onerror=''alert(1)''>', 'available', NULL, NULL, NULL, NULL),
               (5, repeat('Wolfeschlegelsteinhausenbergerdorff', 8), repeat('長い名前', 60), 'invalidated', '2026-08-01', NULL, NULL,
                E'<b>One</b>\nTwo' || repeat('!', 200)),
               (6, 'Mary Somerville', 'Mechanism of the Heavens', 'generating', NULL, NULL, NULL, NULL)
       ) AS v (n, name, context, status, expires, supersedes, superseded_by, reason);
INSERT INTO learning_credentials.document (credential_uuid, content, media_type)
SELECT uuid, learning_credentials.preview_pdf('{"page": {}}', 'Holder ' || user_id, 'Course', '2026-06-12'), 'application/pdf'
  FROM learning_credentials.credential WHERE status <> 'generating';
SQL

my $files = PostgreSQL::Test::Utils::tempdir();
foreach my $n (1 .. 3)
{
	write_file("$files/document$n.pdf", pack 'H*',
		$primary->safe_psql('postgres', "SELECT encode(content, 'hex') FROM learning_credentials.document WHERE credential_uuid = '0000000$n-0000-7000-8000-000000000000'"));
}
my $changed = slurp_file("$files/document1.pdf");
substr($changed, -10, 1) = 'x';
write_file("$files/changed.pdf", $changed);
write_file("$files/picture <b>&\x{202E}.png", "\x89PNG\r\n\x1a\n");
write_file("$files/empty.pdf", '');

sub write_file
{
	my ($file, $content) = @_;

	open my $handle, '>:raw', $file or die "$file: $!";
	print $handle $content;
	close $handle or die "$file: $!";
	return;
}

$primary->backup('page');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'page', has_streaming => 1);
$standby->start;
is($standby->safe_psql('postgres', 'SELECT pg_is_in_recovery()'), 't', 'the pages come from a standby');

my $server = PageServer->start($standby->connstr('postgres'), 'anonymous');
my $base = 'http://127.0.0.1:' . $server->port . '/verify';
my %code = (
	valid => 'a0000001-0000-4000-8000-000000000000',
	invalidated => 'a0000002-0000-4000-8000-000000000000',
	expired => 'a0000003-0000-4000-8000-000000000000',
	hostile => 'a0000004-0000-4000-8000-000000000000',
	long => 'a0000005-0000-4000-8000-000000000000',
	pending => 'a0000006-0000-4000-8000-000000000000',
	unknown => 'ffffffff-0000-4000-8000-000000000000',
	malformed => 'certificate');

# ---------------------------------------------------------------- over HTTP
my %status = (valid => 200, invalidated => 200, expired => 200, hostile => 200, long => 200, pending => 200, unknown => 404, malformed => 400);
foreach my $state (sort keys %code)
{
	my $answer = HTTP::Tiny->new->get("$base/$code{$state}", { headers => { 'Accept-Language' => 'fr-CH, fr;q=0.9, en;q=0.8' } });

	is($answer->{status}, $status{$state}, "$state: the status");
	is($answer->{headers}{'content-language'}, 'fr', "$state: in the language that is asked for");
	is($answer->{headers}{'content-type'}, 'text/html; charset=utf-8', "$state: a page");
}

# ---------------------------------------------------------------- in a browser
unless (Browser::program())
{
	diag('NO CHROMIUM: what the verify page does in a browser is not tested');
	done_testing();
	exit;
}
my $browser = Browser->start(PostgreSQL::Test::Utils::tempdir() . '/profile', '--host-resolver-rules=MAP plain.test 127.0.0.1',
	'--ignore-certificate-errors');
END { $browser->stop if $browser }

# axe-core of the version that is locked in test/page; undef where npm or its registry cannot be reached
sub axe
{
	my $folder = PostgreSQL::Test::Utils::tempdir();
	my ($out, $error);

	copy("test/page/$_", "$folder/$_") or die "$_: $!" for qw(package.json package-lock.json);
	local $ENV{npm_config_cache} = "$folder/cache";
	if (eval { IPC::Run::run([ 'npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', $folder ],
			'>', \$out, '2>', \$error, IPC::Run::timeout(300)) })
	{
		return slurp_file("$folder/node_modules/axe-core/axe.min.js");
	}
	diag('NO AXE-CORE: whether the verify page keeps the rules of accessibility is not tested. ' . ($error // '') . ($@ // ''));
	return;
}
my $axe = axe();

# What was requested beside the page, or refused by its policy, or went wrong in it.
sub beside
{
	my ($address) = @_;

	return join ' ', (
		(grep { $_ ne $address and !/^data:/ } map { $_->{request}{url} } $browser->events('Network.requestWillBeSent')),
		(map { $_->{entry}{text} } grep { $_->{entry}{text} !~ /status of 40[04]/ } $browser->events('Log.entryAdded')),
		(map { $_->{issue}{code} } $browser->events('Audits.issueAdded')),
		(map { $_->{exceptionDetails}{text} } $browser->events('Runtime.exceptionThrown')),
		(map { $_->{message} } $browser->events('Page.javascriptDialogOpening')));
}

my %word = (
	valid => { en => 'Valid', de => 'Gültig', es => 'Válida', fr => 'Valide', ar => 'صالحة' },
	invalidated => { en => 'Invalidated', de => 'Ungültig', es => 'Anulada', fr => 'Annulée', ar => 'ملغاة' },
	expired => { en => 'Expired', de => 'Abgelaufen', es => 'Caducada', fr => 'Expirée', ar => 'منتهية الصلاحية' },
	pending => { en => 'Not issued yet', de => 'Noch nicht ausgestellt', es => 'Aún no emitida', fr => 'Pas encore délivrée', ar => 'لم تصدر بعد' },
	unknown => { en => 'Not found', de => 'Nicht gefunden', es => 'No encontrada', fr => 'Introuvable', ar => 'غير موجودة' },
	malformed => { en => 'Not a verification code', de => 'Kein Prüfcode', es => 'No es un código de verificación',
		fr => 'Code de vérification non valable', ar => 'ليس رمز تحقق' });
my %drawing;

foreach my $state (sort keys %code)
{
	my $address = "$base/$code{$state}";

	foreach my $language (qw(en de es fr ar))
	{
		$browser->look(scheme => 'light');
		$browser->open($address, { 'Accept-Language' => "$language, en;q=0.5" });
		is($browser->run('document.querySelector("h1").textContent'), $word{$state}{$language}, "$state, $language: the word")
		  if $word{$state};
		is($browser->run('getComputedStyle(document.querySelector("main")).direction'), $language eq 'ar' ? 'rtl' : 'ltr',
			"$state, $language: the direction");
		foreach my $scheme (qw(light dark))
		{
			$browser->look(scheme => $scheme, height => 600);
			if ($axe)
			{
				$browser->run($axe);
				is($browser->run(<<'JS'), '', "$state, $language, $scheme: no violation");
axe.run({ resultTypes: ['violations'] }).then(found => found.violations.map(rule =>
    rule.id + ': ' + rule.nodes.map(node => node.html + ' ' + node.failureSummary).join(', ')).join('; '))
JS
			}
			$browser->picture("$pictures/$state-$language-$scheme.png");
		}
		$browser->look(width => 320, height => 600);
		cmp_ok($browser->run('document.documentElement.scrollWidth'), '<=', 320, "$state, $language: fits 320 pixels");
		$browser->picture("$pictures/$state-$language-narrow.png");
		is(beside($address), '', "$state, $language: nothing is loaded besides, nothing is refused");
	}
	# The drawing differs from state to state: without colour and without the word one can tell.
	$drawing{ $browser->run('document.querySelector(".icon").innerHTML.trim()') }{ $browser->run('document.body.className') } = 1;

	# On paper: all of it, on one page, black on white also where the screen is dark.
	$browser->look(scheme => 'dark');
	$browser->open($address, { 'Accept-Language' => 'en' });
	$browser->paper("$pictures/$state.pdf");
	my ($text) = run_command([ 'pdftotext', '-layout', "$pictures/$state.pdf", '-' ]);
	like($text, qr/\Q$word{$state}{en}\E/, "$state: the word is printed") if $word{$state};
	unlike($text, qr/Choose the file/, "$state: what only works on a screen is not printed");
	my ($info) = run_command([ 'pdfinfo', "$pictures/$state.pdf" ]);
	like($info, qr/^Pages:\s+[12]$/m, "$state: it is printed");
	system 'pdftoppm', '-r', '60', '-png', '-singlefile', "$pictures/$state.pdf", "$pictures/$state-print";
}
is_deeply([ map { scalar keys %$_ } values %drawing ], [ (1) x 6 ], 'six states, six drawings');

# ---------------------------------------------------------------- names
$browser->open("$base/$code{hostile}");
is($browser->run('document.querySelector(".holder").textContent'), '<script>alert(1)</script>', 'a name is text');
is($browser->run('document.querySelectorAll("dd")[2].textContent'), q{"><img src=x onerror='alert(1)'>}, 'the name of a course is text');
is($browser->run('document.scripts.length + document.images.length'), 1, 'the page has its own script and no other');
$browser->open("$base/$code{expired}", { 'Accept-Language' => 'en' });
is($browser->run('getComputedStyle(document.querySelector(".holder bdi")).direction'), 'rtl', 'an Arabic name runs from right to left in an English page');
$browser->open("$base/$code{invalidated}");
is($browser->run('document.querySelector(".why a").href'), 'https://example.org/verify/a0000001-0000-4000-8000-000000000000',
	'what replaced it is linked to by the setting verify_url');

# ---------------------------------------------------------------- the file check
my $result = '["result", "details"].map(id => document.getElementById(id).innerText).join("\n").replace(/\s*\n\s*/g, " ").trim()';

sub choose
{
	my ($file) = @_;
	my $document = $browser->call('DOM.getDocument')->{root}{nodeId};
	my $input = $browser->call('DOM.querySelector', { nodeId => $document, selector => '#file' })->{nodeId};

	$browser->run('document.getElementById("result").replaceChildren()');
	$browser->call('DOM.setFileInputFiles', { nodeId => $input, files => [$file] });
	return checked();
}

# drop(FILE, X, Y): as a person drags it there
sub drop
{
	my ($file, $x, $y) = @_;

	$browser->run('document.getElementById("result").replaceChildren()');
	foreach my $type (qw(dragEnter dragOver drop))
	{
		$browser->call('Input.dispatchDragEvent',
			{ type => $type, x => $x, y => $y, data => { items => [], files => [$file], dragOperationsMask => 1 } });
	}
	return checked();
}

sub checked
{
	$browser->wait_for('!!document.querySelector("#result strong")');
	return $browser->run($result);
}

my %answer = (
	valid => 'This is the document that was issued, unchanged.',
	invalidated => 'This is that document, unchanged, but the credential is invalidated.',
	expired => 'This is that document, unchanged, but the credential has expired.');
my %class = (valid => 'good', invalidated => 'bad', expired => 'stale');
my $n = 0;
$browser->look(height => 1400);
foreach my $state (qw(valid invalidated expired))
{
	my $file = "$files/document" . ++$n . '.pdf';
	my $address = "$base/$code{$state}";

	$browser->open($address, { 'Accept-Language' => 'en' });
	my ($hash) = run_command([ 'sha256sum', $file ]);
	$hash =~ s/ .*//s;
	is($browser->run('document.querySelector("#check").dataset.sha256'), $hash, "$state: the page has the document's SHA-256");
	is(choose($file), "$answer{$state} SHA-256 of your file document$n.pdf $hash", "$state: its document");
	is($browser->run('document.querySelector("#result p").className'), $class{$state}, "$state: in the colour of the state");
	$browser->picture("$pictures/$state-file.png");
	is($browser->run('document.getElementById("result").getAttribute("role")'), 'status', "$state: announced");

	like(choose("$files/changed.pdf"), qr/^This is not the document that was issued, or it was changed\./, "$state: a changed file");
	like(choose("$files/empty.pdf"), qr/^This is not the document.*e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855$/, "$state: an empty file");
	like(choose("$files/picture <b>&\x{202E}.png"), qr/^This is not the document.* picture <b>&\.png [0-9a-f]{64}$/, "$state: something else");
	$browser->picture("$pictures/$state-other-file.png");
	is($browser->run('document.querySelectorAll("#details b").length'), 0, "$state: the name of a file is text");

	is(drop($file, 500, 900), "$answer{$state} SHA-256 of your file document$n.pdf $hash", "$state: its document, dropped");
	like(drop("$files/changed.pdf", 5, 5), qr/^This is not the document/, "$state: a changed file, dropped beside");
	like(drop($files, 500, 900), qr/^The file could not be read\.$/, "$state: a folder");
	is($browser->run('location.href'), $address, "$state: the page is still there");
	is(beside($address), '', "$state: no file is sent anywhere");
	if ($axe)
	{
		choose($file);
		$browser->run($axe);
		foreach my $scheme (qw(light dark))
		{
			$browser->look(height => 1400, scheme => $scheme);
			is($browser->run('axe.run().then(found => found.violations.map(rule => rule.id).join(" "))'), '', "$state, $scheme: no violation with a result");
		}
		$browser->look(height => 1400);
	}
}

# By keyboard: the field is reached by Tab, and one sees it.
$browser->open("$base/$code{valid}");
$browser->call('Input.dispatchKeyEvent', { type => $_, key => 'Tab', code => 'Tab', windowsVirtualKeyCode => 9 }) for qw(keyDown keyUp);
is($browser->run('document.activeElement.id'), 'file', 'Tab leads to the field');
is($browser->run('getComputedStyle(document.querySelector(".drop")).outlineStyle'), 'solid', 'which shows it');
$browser->picture("$pictures/focus.png");

# As it is deployed, with nginx and PostgREST between: all headers get through, and none that makes the page worse.
if (nginx_program())
{
	my $nginx = start_nginx(start_postgrest($standby, 'postgres', qr{db-channel-enabled = true}, 'db-channel-enabled = false'));
	my $address = "https://127.0.0.1:$nginx->{tls_port}/verify/$code{valid}";

	$browser->open($address, { 'Accept-Language' => 'de' });
	is($browser->run('document.querySelector("h1").textContent'), $word{valid}{de}, 'as it is deployed: the page');
	is(choose("$files/document1.pdf") =~ s/ SHA-256.*//r, 'Das ist das ausgestellte Dokument, unverändert.', 'as it is deployed: the file check');
	is(beside($address), '', 'as it is deployed: nothing besides');
	$browser->open("https://127.0.0.1:$nginx->{tls_port}/verify/$code{unknown}", { 'Accept-Language' => 'de' });
	is($browser->run('document.querySelector("h1").textContent'), $word{unknown}{de}, 'as it is deployed: the page about an unknown code');
	stop_rest();
}
else
{
	diag('NO NGINX: the verify page as it is deployed is not looked at');
}

# Over plain http there is no SubtleCrypto.
my $plain = 'http://plain.test:' . $server->port . "/verify/$code{valid}";
$browser->open($plain, { 'Accept-Language' => 'en' });
is($browser->run('document.getElementById("check").checkVisibility()'), JSON::PP::false, 'over plain http there is nothing to choose');
like($browser->run('document.querySelector(".check").innerText'), qr/only when the page is opened by https.*[0-9a-f]{64}$/s,
	'it says why, and shows the SHA-256');
$browser->picture("$pictures/plain-http.png");

# Without JavaScript.
$browser->call('Emulation.setScriptExecutionDisabled', { value => JSON::PP::true });
$browser->open("$base/$code{valid}", { 'Accept-Language' => 'en' });
like($browser->run('document.querySelector(".check").innerText'), qr/by JavaScript, which is switched off.*[0-9a-f]{64}$/s,
	'without JavaScript the page says so, and shows the SHA-256');
is($browser->run('document.getElementById("check").checkVisibility()'), JSON::PP::false, 'and there is nothing to choose');
is($browser->run('document.querySelector(".holder").innerText'), 'Ada Lovelace', 'all else is there');
$browser->picture("$pictures/no-script.png");
$browser->call('Emulation.setScriptExecutionDisabled', { value => JSON::PP::false });

$browser->stop;
$server->stop;
$standby->stop;
$primary->stop;
done_testing();
