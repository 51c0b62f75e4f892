# Session.pm: a session of psql that is asked one thing after another.
package Session;

use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Utils qw(pump_until);

# Session->new(NODE, DATABASE)
sub new
{
	my ($class, $node, $database) = @_;
	my $self = bless { in => '', out => '', asked => 0 }, $class;
	my @command = (
		$node->installed_command('psql'), '-XAtq', '-v', 'VERBOSITY=verbose',
		'-d', $node->connstr($database // 'postgres'));

	$self->{timer} = IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default);
	$self->{run} = IPC::Run::start(\@command, '<', \$self->{in}, '>', \$self->{out}, '2>&1', $self->{timer});
	return $self;
}

# What the statements print, results and errors; waits for their end.
sub ask
{
	my ($self, $sql) = @_;
	my $end = 'end of answer ' . ++$self->{asked};

	$self->{timer}->start($PostgreSQL::Test::Utils::timeout_default);
	$self->{out} = '';
	$self->{in} .= "$sql\n;\n\\echo $end\n";
	pump_until($self->{run}, $self->{timer}, \$self->{out}, qr/^\Q$end\E$/m)
	  or die "the session ended: $self->{out}";
	$self->{out} =~ s/\n?^\Q$end\E\n\z//m;
	return $self->{out};
}

sub close
{
	my ($self) = @_;

	$self->{in} .= "\\q\n";
	$self->{run}->finish;
	return;
}

1;
