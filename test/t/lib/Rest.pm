# Rest.pm: PostgREST with the configuration in deploy/, nginx in front of it, and requests to either.
#
# PostgREST is the program that POSTGREST names, or one of that name on the path. Where there is none, a
# stand-in that sends the same statements takes its place, and that is said loudly.
package Rest;

use strict;
use warnings;
use Digest::SHA qw(hmac_sha256);
use Exporter 'import';
use File::Basename qw(dirname);
use IO::Socket::INET;
use IO::Socket::UNIX;
use IPC::Run;
use JSON::PP;
use MIME::Base64 qw(encode_base64url);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(web_roles start_postgrest start_nginx stop_rest is_real real_version nginx_program request answer token json_of changed);

my $lib = dirname(__FILE__);
my $deploy = "$lib/../../../deploy";
my $secret = 'a secret of the tests, 32 bytes or more';
my @running;

# program(NAME...): the first of them that is there
sub program
{
	for my $name (@_)
	{
		for my $file ($name =~ m{/} ? $name : map { "$_/$name" } split(/:/, $ENV{PATH}), '/usr/sbin')
		{
			return $file if -f $file && -x $file;
		}
	}
	return;
}

sub nginx_program { return program($ENV{NGINX_PROGRAM} || 'nginx') }

my $real = program($ENV{POSTGREST} || 'postgrest');
sub is_real { return defined $real }

# real_version(): of the real PostgREST, as "12.0.3"; undef when there is none
sub real_version
{
	return unless $real;
	my ($version) = `'$real' --version` =~ /(\d+(?:\.\d+)+)/;
	return $version;
}

# changed(TEXT, PATTERN => REPLACEMENT...): the text with each pattern replaced; dies when one is not there, so that
# what is shipped is what is tested
sub changed
{
	my ($text, @changes) = @_;
	while (my ($pattern, $replacement) = splice @changes, 0, 2)
	{
		$text =~ s/$pattern/$replacement/g or die "no $pattern in it";
	}
	return $text;
}

sub write_file
{
	my ($file, $text) = @_;
	open my $handle, '>', $file or die "$file: $!";
	print $handle $text;
	close $handle or die "$file: $!";
	return $file;
}

# web_roles(NODE, DATABASE): the roles of docs/rest.md, with their levels
sub web_roles
{
	my ($node, $database) = @_;
	$node->safe_psql($database, <<'SQL');
CREATE ROLE anonymous NOLOGIN;
CREATE ROLE learner NOLOGIN;
CREATE ROLE staff NOLOGIN;
CREATE ROLE authenticator LOGIN NOINHERIT;
GRANT anonymous, learner, staff TO authenticator;
SELECT learning_credentials.grant_access('anonymous', 'verifier'),
       learning_credentials.grant_access('learner', 'learner'),
       learning_credentials.grant_access('staff', 'staff');
SQL
	return;
}

# start_postgrest(NODE, DATABASE, CHANGE...): a server that listens; returns its socket's path. With stand_in => 1 before the
# changes, the stand-in in any case.
sub start_postgrest
{
	my ($node, $database, @changes) = @_;
	my $stand_in = !$real;
	(undef, $stand_in) = splice @changes, 0, 2 if @changes && $changes[0] eq 'stand_in';
	my $folder = PostgreSQL::Test::Utils::tempdir_short();
	my $socket = "$folder/postgrest.sock";
	write_file("$folder/secret", $secret);
	my $file = write_file("$folder/postgrest.conf", changed(slurp_file("$deploy/postgrest.conf"),
		qr{"postgresql:///lms\?user=authenticator"} =>
		  sprintf('"postgresql:///%s?host=%s&port=%s&user=authenticator"', $database, $node->host, $node->port),
		qr{\@/etc/learning-credentials/jwt-secret}, "\@$folder/secret",
		qr{/run/learning-credentials/postgrest.sock}, $socket, @changes));
	my @command = !$stand_in ? ($real, $file) : ('/usr/bin/python3', "$lib/postgrest_stand_in.py", $file);
	if (!$real)
	{
		diag('NO POSTGREST (POSTGREST=..., or on the path): THE REAL ONE IS NOT TESTED, a stand-in takes its place');
	}
	my $server = { log => "$PostgreSQL::Test::Utils::log_path/postgrest-" . @running . '.log' };
	{
		local %ENV = (PATH => $ENV{PATH}, LANG => 'C.UTF-8');
		$server->{run} = IPC::Run::start(\@command, '<', '/dev/null', '>', $server->{log}, '2>&1');
	}
	push @running, $server;
	# It listens before it knows the schema, and answers 503 until then.
	await($server, sub { -S $socket && eval { (answer($socket, '/')->{status} // 503) != 503 } });
	return $socket;
}

# start_nginx(SOCKET, CHANGE...): nginx in front of that; returns {port, tls_port, http_port, log}
sub start_nginx
{
	my ($socket, @changes) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir_short();
	my $server = { map { $_ => PostgreSQL::Test::Cluster::get_free_port() } qw(port tls_port http_port) };
	$server->{log} = "$PostgreSQL::Test::Utils::log_path/nginx-" . @running . '.log';
	$server->{access_log} = "$folder/access.log";

	system_or_bail('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
		'-subj', '/CN=credentials.example.org', '-days', '2', '-keyout', "$folder/key.pem", '-out', "$folder/certificate.pem");
	my $file = write_file("$folder/site.conf", changed(slurp_file("$deploy/nginx.conf"),
		qr{/run/learning-credentials/postgrest.sock}, $socket,
		qr{listen 443 ssl;}, "listen 127.0.0.1:$server->{port}; listen 127.0.0.1:$server->{tls_port} ssl;",
		qr{listen 80;}, "listen 127.0.0.1:$server->{http_port};",
		qr{^\s+listen \[::\]:.*\n}m, '',
		qr{/etc/ssl/certs/credentials.example.org.pem}, "$folder/certificate.pem",
		qr{/etc/ssl/private/credentials.example.org.key}, "$folder/key.pem",
		qr{/var/log/nginx/learning_credentials.log}, $server->{access_log}, @changes));
	my $temporary = join "\n", map { "${_}_temp_path $folder/$_;" } qw(client_body proxy fastcgi uwsgi scgi);
	write_file("$folder/nginx.conf", <<"CONF");
daemon off;
pid $folder/pid;
worker_processes 2;
error_log $server->{log} info;
events { worker_connections 256; }
http {
$temporary
include $file;
}
CONF
	$server->{run} = IPC::Run::start([ nginx_program(), '-p', $folder, '-e', $server->{log}, '-c', "$folder/nginx.conf" ],
		'<', '/dev/null', '>&', "$server->{log}.out");
	push @running, $server;
	await($server, sub { IO::Socket::INET->new(PeerAddr => "127.0.0.1:$server->{port}") });
	return $server;
}

sub await
{
	my ($server, $condition) = @_;
	my $end = time + $PostgreSQL::Test::Utils::timeout_default;
	until ($condition->())
	{
		die "it ended:\n" . slurp_file($server->{log}) unless $server->{run}->pumpable;
		die "it does not answer:\n" . slurp_file($server->{log}) if time > $end;
		sleep 0.05;
	}
	return;
}

# stop_rest(): ends what was started
sub stop_rest
{
	for my $server (splice @running)
	{
		$server->{run}->signal('TERM');
		my $end = time + 20;
		sleep 0.05 while $server->{run}->pumpable && time < $end;
		$server->{run}->kill_kill;
	}
	return;
}
END { local $?; stop_rest() }

# request(WHERE, TEXT): sends that, as it is, to a port or a socket's path; returns what comes back
sub request
{
	my ($where, $text) = @_;
	my $connection = $where =~ m{^/} ? IO::Socket::UNIX->new(Peer => $where)
	  : IO::Socket::INET->new(PeerAddr => "127.0.0.1:$where");
	die "no connection to $where: $!" unless $connection;
	local $SIG{PIPE} = 'IGNORE';
	local $SIG{ALRM} = sub { die "no answer from $where to " . substr($text, 0, 300) };
	alarm $PostgreSQL::Test::Utils::timeout_default;
	binmode $connection;
	print $connection $text;
	$connection->flush;
	my $got = '';
	1 while sysread $connection, $got, 65536, length $got;
	alarm 0;
	return parsed($got, $text =~ /^HEAD /);
}

# parsed(TEXT, HEAD?): {status, headers, body, raw}; header names in lower case, those that come twice joined by ", "
sub parsed
{
	my ($text, $head) = @_;
	my ($top, $body) = split /\r\n\r\n/, $text, 2;
	return { status => 0, headers => {}, body => '', raw => $text } unless defined $top && $top =~ m{^HTTP/1\.[01] (\d+)};
	my $answer = { status => $1, headers => {}, body => $body // '', raw => $text };
	for (split /\r\n/, $top)
	{
		next unless /^([^:\s]+):\s*(.*)$/;
		my $name = lc $1;
		$answer->{headers}{$name} = defined $answer->{headers}{$name} ? "$answer->{headers}{$name}, $2" : $2;
	}
	if (!$head && ($answer->{headers}{'transfer-encoding'} // '') eq 'chunked')
	{
		my ($rest, $whole) = ($answer->{body}, '');
		while ($rest =~ s/^([0-9a-fA-F]+)[^\r\n]*\r\n//)
		{
			my $length = hex $1;
			last unless $length;
			$whole .= substr $rest, 0, $length, '';
			$rest =~ s/^\r\n//;
		}
		$answer->{body} = $whole;
	}
	return $answer;
}

# answer(WHERE, PATH, HEADER => VALUE..., method => M, body => B): the answer to a request
sub answer
{
	my ($where, $path, %headers) = @_;
	my $method = delete $headers{method} // 'GET';
	my $body = delete $headers{body};
	$headers{Host} //= 'credentials.example.org';
	$headers{Connection} = 'close';
	$headers{'Content-Length'} //= length $body if defined $body;
	return request($where, "$method $path HTTP/1.1\r\n"
		  . join('', map { "$_: $headers{$_}\r\n" } sort keys %headers) . "\r\n" . ($body // ''));
}

# json_of(ANSWER): its body as a value; undef when it is no JSON
sub json_of
{
	my ($answer) = @_;
	return eval { JSON::PP->new->utf8->allow_nonref->decode($answer->{body}) };
}

# token(CLAIM => VALUE...): the value of an Authorization header; claim "secret" signs with another secret
sub token
{
	my (%claims) = @_;
	my $with = delete $claims{secret} // $secret;
	my $header = delete $claims{header} // { alg => 'HS256', typ => 'JWT' };
	my $json = JSON::PP->new->canonical;
	my $text = join '.', map { encode_base64url($json->encode($_)) } $header, \%claims;
	return "Bearer $text." . encode_base64url(hmac_sha256($text, $with));
}

1;
