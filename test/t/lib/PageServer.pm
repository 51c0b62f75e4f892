# PageServer.pm: the verify page over HTTP, as a REST server would answer: in a READ ONLY transaction, as a role, with the
# request's headers in a setting, and status and headers of the answer out of two more.
package PageServer;

use strict;
use warnings;
use IO::Socket::INET;
use IPC::Run;
use JSON::PP;
use POSIX ();

my $json = JSON::PP->new->utf8;

my $query = <<'SQL';
BEGIN READ ONLY;
SELECT set_config('role', :'role', true), set_config('request.headers', :'headers', true) \g /dev/null
SELECT json_build_object('body', learning_credentials_api.verify_page(:'code'));
SELECT json_build_object('status', current_setting('response.status', true),
                         'headers', current_setting('response.headers', true)::json);
COMMIT;
SQL

# start(CONNECTION, ROLE): a server on a free port of 127.0.0.1 that answers GET /verify/CODE, and nothing else
sub start
{
	my ($class, $connection, $role) = @_;
	my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 16) or die "listen: $!";
	my $self = bless { port => $listener->sockport, starter => $$ }, $class;

	$self->{process} = fork() // die "fork: $!";
	if ($self->{process} == 0)
	{
		# A process for each connection: a browser opens some that it may never use.
		local $SIG{TERM} = sub { POSIX::_exit(0) };
		local $SIG{CHLD} = 'IGNORE';
		while (1)
		{
			my $client = $listener->accept or next;
			next if fork;
			local $SIG{CHLD} = 'DEFAULT';
			local $SIG{ALRM} = 'DEFAULT';
			alarm 180;
			answer($client, $connection, $role);
			POSIX::_exit(0);
		}
	}
	close $listener;
	return $self;
}

# port(): where it listens
sub port { return $_[0]->{port} }

sub answer
{
	my ($client, $connection, $role) = @_;
	my ($code) = (<$client> // '') =~ m{^GET /verify/(\S*) HTTP};
	my %headers;

	while (defined(my $line = <$client>))
	{
		last if $line =~ /^\r?\n$/;
		$headers{ lc $1 } = $2 if $line =~ /^([^:\s]+):\s*(.*?)\s*$/;
	}
	unless (defined $code)
	{
		print $client "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
		return;
	}
	$code =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;

	my ($out, $error) = ('', '');
	my $good = IPC::Run::run(
		[ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $connection, '-v', "role=$role", '-v', "code=$code",
			'-v', 'headers=' . $json->encode(\%headers) ], '<', \$query, '>', \$out, '2>', \$error);
	my ($body, $rest) = map { $json->decode($_) } split /\n/, $good ? $out : '';
	my $text = $good ? $body->{body} : $error;
	utf8::encode($text);
	print $client 'HTTP/1.1 ', $good ? $rest->{status} || 200 : 500, " Answer\r\n",
	  (map { my $header = $_; map { "$_: $header->{$_}\r\n" } keys %$header } $good ? @{ $rest->{headers} } : ()),
	  'Content-Length: ', length $text, "\r\nConnection: close\r\n\r\n", $text;
	return;
}

# stop(): ends it
sub stop
{
	my ($self) = @_;

	return unless $self->{process} and $self->{starter} == $$;
	kill 'TERM', $self->{process};
	waitpid $self->{process}, 0;
	delete $self->{process};
	return;
}

sub DESTROY
{
	my ($self) = @_;
	local ($., $@, $!, $^E, $?);
	$self->stop;
	return;
}

1;
