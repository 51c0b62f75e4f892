# Browser.pm: a headless Chromium, driven by the DevTools protocol over two pipes.
package Browser;

use strict;
use warnings;
use IO::Handle;
use IO::Select;
use JSON::PP;
use MIME::Base64 qw(decode_base64);
use POSIX ();
use Time::HiRes qw(time);

my $json = JSON::PP->new->utf8;
my $patience = $ENV{PG_TEST_TIMEOUT_DEFAULT} || 180;    # seconds

# program(): where the browser is; undef: nowhere
sub program
{
	my ($path) = grep { -x $_ } map { ("$_/chromium", "$_/chromium-browser", "$_/google-chrome") } split /:/, $ENV{PATH};
	return $path;
}

# start(PROFILE, OPTION...): a browser that has one page and keeps its profile in that folder. It opens only pages
# of the test, so it does without the sandbox that a container or root may not give it.
sub start
{
	my ($class, $profile, @options) = @_;
	my $self = bless { events => [], number => 0, buffer => '' }, $class;

	pipe(my $orders, $self->{to}) or die "pipe: $!";
	pipe($self->{from}, my $answers) or die "pipe: $!";
	$self->{process} = fork() // die "fork: $!";
	if ($self->{process} == 0)
	{
		# Its ends are descriptors 3 and 4. Copies of ours from 10 on are not closed by either dup2().
		my @ends = map { my $from = $_; my $to = 10 + $from; POSIX::dup2($from, $to); $to } map { fileno($_) } $orders, $answers;
		POSIX::dup2($ends[0], 3);
		POSIX::dup2($ends[1], 4);
		POSIX::close($_) for @ends;
		CORE::open STDOUT, '>', "$profile.log";
		CORE::open STDERR, '>&', \*STDOUT;
		exec program(), qw(--headless=new --remote-debugging-pipe --no-sandbox --disable-gpu --disable-dev-shm-usage
		  --disable-background-networking --disable-component-update --disable-sync --disable-extensions
		  --no-first-run --no-pings --hide-scrollbars),
		  '--disable-features=HttpsUpgrades,HttpsFirstBalancedMode', "--user-data-dir=$profile", @options, 'about:blank'
		  or POSIX::_exit(127);
	}
	$self->{to}->autoflush(1);

	my $page;
	until ($page)
	{
		($page) = grep { $_->{type} eq 'page' } @{ $self->call('Target.getTargets')->{targetInfos} };
	}
	$self->{session} = $self->call('Target.attachToTarget', { targetId => $page->{targetId}, flatten => JSON::PP::true })->{sessionId};
	$self->call("$_.enable") for qw(Page Runtime Network Log DOM Audits);
	return $self;
}

# receive(): the next message of the browser
sub receive
{
	my ($self) = @_;
	my $end = time + $patience;
	my $length;

	while (($length = index $self->{buffer}, "\0") < 0)
	{
		IO::Select->new($self->{from})->can_read($end - time) or die 'the browser does not answer';
		sysread $self->{from}, $self->{buffer}, 1 << 20, length $self->{buffer} or die 'the browser is gone';
	}
	my $message = substr $self->{buffer}, 0, $length + 1, '';
	chop $message;
	return $json->decode($message);
}

# call(METHOD, PARAMETERS): its result; events that come before it are kept
sub call
{
	my ($self, $method, $parameters) = @_;
	my $number = ++$self->{number};
	my %order = (id => $number, method => $method, params => $parameters // {});

	$order{sessionId} = $self->{session} if $self->{session};
	print { $self->{to} } $json->encode(\%order), "\0";
	while (1)
	{
		my $message = $self->receive;
		if (($message->{id} // 0) == $number)
		{
			die "$method: $message->{error}{message}" if $message->{error};
			return $message->{result};
		}
		push @{ $self->{events} }, $message;
	}
}

# events(METHOD): the parameters of the events of that name since forget()
sub events
{
	my ($self, $method) = @_;
	return map { $_->{params} } grep { ($_->{method} // '') eq $method } @{ $self->{events} };
}

sub forget
{
	my ($self) = @_;
	$self->{events} = [];
	return;
}

# open(ADDRESS, HEADERS): goes there and waits until all is loaded
sub open
{
	my ($self, $address, $headers) = @_;

	$self->forget;
	$self->call('Network.setExtraHTTPHeaders', { headers => $headers // {} });
	my $went = $self->call('Page.navigate', { url => $address });
	die "$address: $went->{errorText}" if $went->{errorText};
	push @{ $self->{events} }, $self->receive until $self->events('Page.loadEventFired');
	return;
}

# run(EXPRESSION): the value of JavaScript in the page; a promise is waited for
sub run
{
	my ($self, $expression) = @_;
	my $answer = $self->call('Runtime.evaluate',
		{ expression => $expression, awaitPromise => JSON::PP::true, returnByValue => JSON::PP::true });

	die "$expression: " . ($answer->{exceptionDetails}{exception}{description} // 'failed') if $answer->{exceptionDetails};
	return $answer->{result}{value};
}

# wait_for(EXPRESSION): until JavaScript in the page says true
sub wait_for
{
	my ($self, $expression) = @_;
	my $end = time + $patience;

	until ($self->run($expression))
	{
		die "waited in vain: $expression" if time > $end;
		select undef, undef, undef, 0.02;
	}
	return 1;
}

# look(OPTION => VALUE...): what the page is shown on: width, height, scale, scheme (light, dark), media (screen, print)
sub look
{
	my ($self, %on) = @_;

	$self->{screen} = { width => 0 + ($on{width} // 1000), height => 0 + ($on{height} // 800),
		deviceScaleFactor => 0 + ($on{scale} // 1), mobile => JSON::PP::false };
	$self->call('Emulation.setDeviceMetricsOverride', $self->{screen});
	$self->call('Emulation.setEmulatedMedia',
		{ media => $on{media} // '', features => [ { name => 'prefers-color-scheme', value => $on{scheme} // 'light' } ] });
	return;
}

# picture(FILE): the whole page as a PNG, on a screen that is as high as the page
sub picture
{
	my ($self, $file) = @_;
	my $height = $self->call('Page.getLayoutMetrics')->{cssContentSize}{height};

	$self->call('Emulation.setDeviceMetricsOverride', { %{ $self->{screen} }, height => 0 + $height });
	keep($file, $self->call('Page.captureScreenshot', { format => 'png' })->{data});
	$self->call('Emulation.setDeviceMetricsOverride', $self->{screen});
	return $file;
}

# paper(FILE): the page as a PDF
sub paper
{
	my ($self, $file) = @_;
	return keep($file, $self->call('Page.printToPDF', { preferCSSPageSize => JSON::PP::true })->{data});
}

sub keep
{
	my ($file, $data) = @_;

	CORE::open my $handle, '>:raw', $file or die "$file: $!";
	print $handle decode_base64($data);
	close $handle or die "$file: $!";
	return $file;
}

# stop(): ends the browser
sub stop
{
	my ($self) = @_;

	return unless $self->{process};
	delete $self->{session};
	eval { $self->call('Browser.close') };
	close $self->{to};
	close $self->{from};
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
