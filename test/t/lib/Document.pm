# Document.pm: documents from a server, looked at from outside with qpdf and poppler.
package Document;

use strict;
use warnings;

use Exporter 'import';
use IPC::Run ();
use PostgreSQL::Test::Utils ();

our @EXPORT_OK = qw(literal store_file preview document error_of check objects info fonts text words pixels output);

my $count = 0;

# A value as an SQL literal; undef is NULL.
sub literal
{
	my ($value) = @_;

	return 'NULL' unless defined $value;
	$value =~ s/'/''/g;
	return "'$value'";
}

# What a program prints; dies if it fails.
sub output
{
	my (@command) = @_;
	my ($out, $err);

	IPC::Run::run(\@command, '>', \$out, '2>', \$err) or die "@command: $err$out";
	return $out;
}

# Stores a file as an asset.
sub store_file
{
	my ($node, $slug, $file) = @_;
	my $hex = unpack 'H*', PostgreSQL::Test::Utils::slurp_file($file);

	$node->safe_psql('postgres',
			'INSERT INTO learning_credentials.credential_asset (slug, content) VALUES ('
		  . literal($slug)
		  . ", '\\x$hex')");
}

# Runs an expression that gives bytes, and returns the file that they are in.
sub document
{
	my ($node, $expression) = @_;
	my $file = sprintf '%s/document_%03d.pdf', $PostgreSQL::Test::Utils::tmp_check, ++$count;
	my $hex = $node->safe_psql('postgres', "SELECT encode($expression, 'hex')");

	open my $handle, '>:raw', $file or die "$file: $!";
	print $handle pack 'H*', $hex;
	close $handle;
	return $file;
}

sub preview_call
{
	my ($options, %given) = @_;
	my $arguments = join ', ', literal($options) . '::jsonb',
	  map { "$_ => " . literal($given{$_}) } sort keys %given;

	return "learning_credentials.preview_pdf($arguments)";
}

# preview_pdf with options (JSON) and other arguments by name; returns the file.
sub preview
{
	my ($node, $options, %given) = @_;

	return document($node, preview_call($options, %given));
}

# The error of the same call: "SQLSTATE: message".
sub error_of
{
	my ($node, $options, %given) = @_;
	my ($status, $out, $err) =
	  $node->psql('postgres', "\\set VERBOSITY verbose\nSELECT length(" . preview_call($options, %given) . ')');

	return $err =~ /^(?:psql:\S+: )?ERROR:\s+(.*?)$/m ? $1 : "no error: $out$err";
}

# Empty if qpdf finds nothing wrong, else what it says.
sub check
{
	my ($file) = @_;
	my $out;

	IPC::Run::run([ 'qpdf', '--check', $file ], '>', \$out, '2>&1') or return $out;
	return $out =~ /No syntax or stream encoding errors found/ && $out !~ /WARNING/ ? '' : $out;
}

# All objects of a document as text, out of their object streams, not compressed; white space is one space.
sub objects
{
	my ($file) = @_;
	my $text = output('qpdf', '--qdf', '--object-streams=disable', '--preserve-unreferenced', '--decrypt', $file, '-');

	$text =~ s/\s+/ /g;
	# Once unpacked, they are not used, and kept like all that is not.
	$text =~ s{<<[^<>]*/Type /ObjStm[^<>]*>> stream .*? endstream}{}g;
	return $text;
}

# pdfinfo's lines as a hash.
sub info
{
	my ($file) = @_;

	return { map { /^([^:]+):\s*(.*?)\s*$/ ? ($1, $2) : () } split /\n/, output('pdfinfo', $file) };
}

# pdffonts' lines as a list of [name, embedded, subset, has ToUnicode].
sub fonts
{
	my ($file) = @_;
	my @lines = split /\n/, output('pdffonts', $file);

	return map { [ (split)[0], /\s(yes|no)\s+(yes|no)\s+(yes|no)\s+\d+\s+\d+\s*$/ ] } @lines[ 2 .. $#lines ];
}

# The text from top to bottom, without the last line's end.
sub text
{
	my ($file, @arguments) = @_;
	my $text = output('pdftotext', '-nopgbrk', @arguments, $file, '-');

	$text =~ s/\s+\z//;
	return $text;
}

# The words with their boxes in points from the bottom left of the page: { text, left, right, bottom, top }.
sub words
{
	my ($file) = @_;
	my $xml = output('pdftotext', '-bbox', $file, '-');
	my ($height) = $xml =~ /<page [^>]*height="([\d.]+)"/;
	my @words;

	while ($xml =~ /<word xMin="([-\d.]+)" yMin="([-\d.]+)" xMax="([-\d.]+)" yMax="([-\d.]+)">(.*?)<\/word>/g)
	{
		my $word = { left => $1, top => $height - $2, right => $3, bottom => $height - $4, text => $5 };

		$word->{text} =~ s/&lt;/</g;
		$word->{text} =~ s/&gt;/>/g;
		$word->{text} =~ s/&quot;/"/g;
		$word->{text} =~ s/&amp;/&/g;
		push @words, $word;
	}
	return @words;
}

# The page at so many dots an inch, as a function of (x, y) in points that gives "rrggbb".
sub pixels
{
	my ($file, $dpi) = @_;
	my $ppm = output('pdftoppm', '-r', $dpi, $file);
	my ($header, $width, $height) = $ppm =~ /\A(P6\s+(\d+)\s+(\d+)\s+255\s)/ or die "no picture of $file";

	return sub {
		my ($x, $y) = @_;
		my $column = int($x * $dpi / 72);
		my $row = int($height - $y * $dpi / 72);

		return unpack 'H6', substr $ppm, length($header) + 3 * ($row * $width + $column), 3;
	};
}

1;
