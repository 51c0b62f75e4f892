# Template.pm: a server whose assets are files, and pages as pictures.
package Template;

use strict;
use warnings;

use Digest::MD5 qw(md5_hex);
use Exporter 'import';
use FindBin;
use PostgreSQL::Test::Cluster;

use lib "$FindBin::RealBin/lib";
use Document qw(output);

our @EXPORT_OK = qw(server store write_file picture picture_name other_picture_name);

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

# A page's picture by poppler at 72 dots an inch: (width, height, bytes of red, green and blue).
sub picture
{
	my ($path, @options) = @_;
	my $ppm = output('pdftoppm', '-r', 72, '-f', 1, '-l', 1, @options, $path);

	$ppm =~ /^P6\n(\d+) (\d+)\n255\n/ or die "pdftoppm cannot draw $path";
	return ($1, $2, substr($ppm, $+[0]));
}

# The same as one word, for comparisons.
sub picture_name
{
	my ($width, $height, $bytes) = picture(@_);

	return "${width}x$height " . md5_hex($bytes);
}

# A page's picture by another program, MuPDF.
sub other_picture_name
{
	my ($path) = @_;
	my $ppm = output('mutool', 'draw', '-q', '-r', 72, '-F', 'ppm', '-o', '-', $path, 1);

	$ppm =~ /^P6\n(\d+ \d+)\n255\n/ or die "mutool cannot draw $path";
	return "$1 " . md5_hex($ppm);
}

1;
