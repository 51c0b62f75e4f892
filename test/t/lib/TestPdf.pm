# TestPdf.pm: a server with the extension, and documents looked at from outside.
package TestPdf;

use strict;
use warnings;

use Digest::MD5 qw(md5_hex);
use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT_OK = qw(server store write_file read_pdf sound_pdf pixels picture output_of);

sub server
{
	my $node = PostgreSQL::Test::Cluster->new('main');

	$node->init;
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION learning_credentials');
	return $node;
}

sub write_file
{
	my ($path, $content) = @_;

	open my $file, '>:raw', $path or die "$path: $!";
	print $file $content;
	close $file or die "$path: $!";
	return $path;
}

# Stores a file as an asset; "before" is SQL that goes first. Returns what psql() does: status, output, error.
sub store
{
	my ($node, $slug, $path, $before) = @_;

	return $node->psql('postgres', ($before // '')
		  . "INSERT INTO learning_credentials.credential_asset (slug, content) VALUES ('$slug', pg_read_binary_file('$path'))");
}

# What a program says; undef if it fails.
sub output_of
{
	my @command = @_;
	my ($out, $error) = ('', '');

	return IPC::Run::run(\@command, '>', \$out, '2>', \$error) ? $out : undef;
}

# The document that an SQL expression gives, as a file.
sub read_pdf
{
	my ($node, $expression, $path) = @_;

	return write_file($path, pack 'H*', $node->safe_psql('postgres', "SELECT encode($expression, 'hex')"));
}

# Is qpdf content with the file?
sub sound_pdf
{
	my ($path) = @_;
	my $said = output_of('qpdf', '--check', $path);

	return defined $said && $said =~ /No syntax or stream encoding errors found/;
}

# A page's picture at 72 dots an inch: (width, height, bytes of red, green and blue).
sub picture
{
	my ($path, @options) = @_;
	my $ppm = output_of('pdftoppm', '-r', 72, '-f', 1, '-l', 1, @options, $path);

	die "pdftoppm cannot draw $path" unless defined $ppm && $ppm =~ /^P6\n(\d+) (\d+)\n255\n/;
	return ($1, $2, substr($ppm, $+[0]));
}

# The same as one word, for comparisons.
sub pixels
{
	my ($width, $height, $bytes) = picture(@_);

	return "${width}x$height " . md5_hex($bytes);
}

1;
