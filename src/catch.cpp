/*
 * catch.cpp
 *		Where exceptions of C++ end.
 *
 * libqpdf's interface for C makes errors of exceptions, but lets one out when memory is used up so far that it
 * finds none to note the error. C cannot catch it, and an exception that nobody catches ends the process. There
 * is no other C++ here, and needs none of its headers.
 */
extern "C" bool lc_catch(void (*work)(void *argument), void *argument);

/* Calls work(argument). False: it ended with an exception. What longjmp() leaves passes through. */
bool
lc_catch(void (*work)(void *argument), void *argument)
{
	try
	{
		work(argument);
	}
	catch (...)
	{
		return false;
	}
	return true;
}
